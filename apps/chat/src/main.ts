import "@fontsource-variable/figtree/wght.css";
import "./style/colour.css";
import "./style/page.css";
import "./style/panel.css";
import "./style/conversation.css";
import "./style/welcome.css";

import { Chat, type World } from "./chat";
import { Connection, endpointsOf } from "./connection";
import { nameOf, userOf } from "./identity";
import { slugify } from "./room";
import { Shelf } from "./storage";
import { titleOf } from "./title";
import { avatar } from "./view/avatar";
import { ComposerView } from "./view/composer";
import { Drawer } from "./view/drawer";
import { byId, setText } from "./view/element";
import { LinkStatusView } from "./view/link-status";
import { MessageListView } from "./view/message-list";
import { PeopleListView } from "./view/people-list";
import { RoomListView } from "./view/room-list";
import { WelcomeView } from "./view/welcome";

const world: World = {
  now: () => Date.now(),
  later: (milliseconds, action) => {
    const timer = setTimeout(action, milliseconds);
    return () => clearTimeout(timer);
  },
  shelf: new Shelf(() => localStorage),
  tab: new Shelf(() => sessionStorage),
};

const welcome = new WelcomeView();

function roomInAddress(): string | undefined {
  try {
    return slugify(decodeURIComponent(location.hash.slice(1)));
  } catch {
    return undefined;
  }
}

/** The name is known: make the chat and everything that shows it. */
function start(name: string): void {
  const identity = { user: userOf(world.shelf), name };
  const chat = new Chat(
    identity,
    (events) => new Connection(endpointsOf(document.baseURI), identity, events),
    world,
    show,
    (reason) => askAgain(reason),
  );
  const narrow = { rooms: matchMedia("(max-width: 47.99rem)"), people: matchMedia("(max-width: 67.99rem)") };
  const rooms = byId("rooms", HTMLElement);
  const people = byId("people", HTMLElement);
  const conversation = byId("conversation", HTMLElement);
  const scrim = byId("scrim", HTMLElement);
  const roomsDrawer = new Drawer(rooms, byId("open-rooms", HTMLButtonElement), [conversation], scrim, narrow.rooms);
  new Drawer(people, byId("open-people", HTMLButtonElement), [conversation, rooms], scrim, narrow.people);

  const composer = new ComposerView(chat);
  const title = byId("room-title", HTMLElement);
  const you = byId("you", HTMLButtonElement);
  const youName = byId("you-name", HTMLElement);
  const views = [
    new LinkStatusView(chat),
    new RoomListView(chat, (slug) => {
      roomsDrawer.close();
      go(slug);
      write();
    }),
    new PeopleListView(chat),
    composer,
    new MessageListView(chat),
  ];

  function show(): void {
    for (const view of views) view.show();
    setText(title, chat.current);
    if (youName.textContent !== chat.self.name) {
      setText(youName, chat.self.name);
      you.querySelector(".avatar")?.replaceWith(avatar(chat.self.user, chat.self.name));
    }
    document.title = titleOf(chat.current, chat.unread);
    // Leaving a room opens another one.
    if (roomInAddress() !== chat.current) history.replaceState(null, "", `#${chat.current}`);
  }

  /** Be ready to write; where that would bring up a keyboard on the screen, not unasked. */
  function write(): void {
    if (!matchMedia("(hover: none)").matches) composer.focus();
  }

  function go(slug: string): void {
    if (slug !== chat.current) history.pushState(null, "", `#${slug}`);
    chat.open(slug);
  }

  function rename(chosen: string): void {
    world.shelf.set("name", chosen);
    chat.rename(chosen);
    write();
  }

  function askAgain(problem: string): void {
    welcome.ask(chat.self.name, problem, rename);
  }

  you.addEventListener("click", () => askAgain(""));
  // Back and forward, and an address typed or followed.
  const follow = (): void => {
    const slug = roomInAddress();
    if (slug !== undefined && slug !== chat.current) chat.open(slug);
  };
  addEventListener("popstate", follow);
  addEventListener("hashchange", follow);
  const look = (): void => chat.look(document.visibilityState === "visible");
  document.addEventListener("visibilitychange", look);

  chat.start(roomInAddress());
  look();
  write();
}

const known = nameOf(world.shelf);
if (known === undefined) {
  welcome.ask(undefined, "", (name) => {
    world.shelf.set("name", name);
    start(name);
  });
} else {
  start(known);
}
