import { initials, Strands } from "../person";
import { element } from "./element";

/** As many as the style sheet has colours for. */
const strands = new Strands(8);

/** Which strand somebody is, as the style sheet knows it. */
export function strand(user: string): string {
  return String(strands.of(user));
}

/** A person's sign: initials on their colour. The name stands beside it, so it is silent. */
export function avatar(user: string, name: string): HTMLElement {
  return element("span", { class: "avatar", "data-strand": strand(user), "aria-hidden": "true" }, initials(name));
}
