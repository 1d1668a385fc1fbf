import type { Chat } from "../chat";
import type { LinkState } from "../link";
import { byId, setText } from "./element";

const WORDS: Record<LinkState, string> = {
  connecting: "Connecting…",
  connected: "Connected",
  offline: "Offline, trying again…",
  ended: "Disconnected",
};

/** How the connection is, always in words; and what to do when it is not there. */
export class LinkStatusView {
  readonly #chat: Chat;
  readonly #status = byId("status", HTMLElement);
  readonly #text = byId("status-text", HTMLElement);
  readonly #banner = byId("banner", HTMLElement);
  readonly #bannerText = byId("banner-text", HTMLElement);
  readonly #retry = byId("retry", HTMLButtonElement);

  constructor(chat: Chat) {
    this.#chat = chat;
    this.#retry.addEventListener("click", () => chat.reconnect());
  }

  show(): void {
    const { link, reason } = this.#chat;
    this.#status.dataset["state"] = link;
    setText(this.#text, WORDS[link]);
    this.#banner.hidden = link === "connected" || link === "connecting";
    if (this.#banner.hidden) return;
    setText(
      this.#bannerText,
      link === "ended"
        ? `The server ended the connection: ${reason}.`
        : "No connection to the server. What you write now is sent when it is back.",
    );
    setText(this.#retry, link === "ended" ? "Connect again" : "Try now");
  }
}
