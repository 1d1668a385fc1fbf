// The page: keys and fingers go to the server, what it says is shown, and its question is asked.

import { Board, Picture } from "./board.js";
import { Link } from "./link.js";

const CHANNEL = "board:main";
const TEAMS = ["", "Teal", "Orange", "Violet", "Pink", "Green", "Gold"];
const GIFTS = {
  wings: ["Wings", "twice as fast, 8 seconds"],
  splash: ["Splash", "all fields around you"],
  cross: ["Cross", "your row and your column"],
};
const KEYS = {
  ArrowUp: "up", ArrowDown: "down", ArrowLeft: "left", ArrowRight: "right",
  KeyW: "up", KeyS: "down", KeyA: "left", KeyD: "right",
};

const at = (id) => document.getElementById(id);
const picture = new Picture(at("board"));
const people = new Map(); // Who plays, by the number of the player.
const bars = TEAMS.map((name, team) => team && newTeam(name, team));
let link = null;
let board = null;
let me = null;
let asking = false; // For the whole.

// -- coming in ------------------------------------------------------------------------------------

at("name").value = localStorage.getItem("sennit-game-name") ?? "";
at("start").addEventListener("submit", (event) => {
  event.preventDefault();
  const name = at("name").value.trim();
  if (!name) return;
  localStorage.setItem("sennit-game-name", name);
  at("trouble").textContent = "";
  if (link) return location.reload(); // Another try.
  link = new Link([CHANNEL], { publication, live, lost, subscribed, joined, left, refused }, { hello: { name }, methods: { choose } });
});

function live() {
  show("Playing", "live");
}

function lost() {
  show("Reconnecting…", "lost");
  steer.now = null;
  held.length = 0;
}

function refused(why) {
  at("trouble").textContent = why;
  at("start").hidden = false;
}

function show(words, state) {
  at("status").textContent = words;
  at("status").dataset.state = state;
}

function subscribed(_channel, whole) {
  board = new Board(whole);
  me = whole.you;
  people.clear();
  at("start").hidden = true;
  at("board").focus();
  link.presence(CHANNEL).then((here) => here.forEach((one) => joined(CHANNEL, one)), () => {});
}

function joined(_channel, { chan_info: who }) {
  people.set(who.player, who);
  listPeople();
}

function left(_channel, { chan_info: who }) {
  people.delete(who.player);
  listPeople();
}

// -- what the server says -------------------------------------------------------------------------

function publication(_channel, changes) {
  if (!board) return;
  if (!board.take(changes)) {
    catchUp();
    return;
  }
  const seconds = changes.left;
  at("left").textContent = `${Math.floor(seconds / 60)}:${String(seconds % 60).padStart(2, "0")}`;
  for (const event of changes.events ?? []) tell(event);
}

// This page was too slow, and the server has left something out for it.
async function catchUp() {
  if (asking) return;
  asking = true;
  try {
    board = new Board(await link.call("game.board"));
  } catch {
    // The next change tells again that something is missing.
  }
  asking = false;
}

function tell({ won, fields, gift, asked, player }) {
  if (won) say(`${TEAMS[won]} has won with ${fields} fields. A new round begins.`);
  else if (won === 0) say("Nobody has painted anything. A new round begins.");
  else if (gift) say(`${nameOf(player)} has ${GIFTS[gift][0].toLowerCase()}.`);
  else if (asked && asked !== me) say(`${nameOf(asked)} may choose a gift…`);
}

function nameOf(number) {
  return people.get(number)?.name ?? "Somebody";
}

function say(words) {
  at("no-news")?.remove();
  const line = document.createElement("p");
  line.textContent = words;
  at("news").append(line);
  while (at("news").children.length > 30) at("news").firstChild.remove();
  at("news").scrollTop = at("news").scrollHeight;
}

// -- the server's call ----------------------------------------------------------------------------

let choosing = null;

/** Called by the server: asks the player, and answers with the gift. */
function choose({ gifts, seconds }) {
  return new Promise((done, fail) => {
    const close = () => {
      clearTimeout(choosing.timer);
      choosing = null;
      if (at("choice").contains(document.activeElement)) at("board").focus();
      at("choice").hidden = true;
    };
    const pick = (gift) => {
      close();
      done(gift);
    };
    const buttons = gifts.map((gift, index) => {
      const [name, words] = GIFTS[gift];
      const button = document.createElement("button");
      button.type = "button";
      const title = document.createElement("b");
      const key = document.createElement("kbd");
      key.textContent = index + 1;
      title.append(name, key);
      const small = document.createElement("small");
      small.textContent = words;
      button.append(title, small);
      button.addEventListener("click", () => pick(gift));
      return button;
    });
    const late = () => {
      close();
      fail(new Error("nothing was chosen"));
    };
    choosing?.late();
    choosing = { gifts, pick, late, timer: setTimeout(late, seconds * 1000) };
    at("gifts").replaceChildren(...buttons);
    // Where the player is not.
    at("choice").dataset.place = board.players.get(me)?.y < board.height / 2 ? "bottom" : "top";
    at("choice").hidden = false;
    at("countdown").animate([{ transform: "scaleX(1)" }, { transform: "scaleX(0)" }], { duration: seconds * 1000, fill: "forwards" });
    say("You may choose a gift.");
  });
}

// -- keys and fingers -----------------------------------------------------------------------------

const held = []; // The newest last: that one counts.

function steer() {
  const to = held.at(-1) ?? null;
  if (to === steer.now) return;
  steer.now = to;
  link?.call("game.steer", { to }).catch(() => {});
}
steer.now = null;

function hold(to) {
  if (!held.includes(to)) held.push(to);
  steer();
}

function release(to) {
  const place = held.indexOf(to);
  if (place >= 0) held.splice(place, 1);
  steer();
}

addEventListener("keydown", (event) => {
  if (!board || event.ctrlKey || event.metaKey || event.altKey || event.target.tagName === "INPUT") return;
  const gift = choosing?.gifts[Number(event.key) - 1];
  if (gift) choosing.pick(gift);
  if (!(event.code in KEYS)) return;
  event.preventDefault();
  hold(KEYS[event.code]);
});
addEventListener("keyup", (event) => event.code in KEYS && release(KEYS[event.code]));
addEventListener("blur", () => {
  held.length = 0;
  steer();
});
for (const button of at("pad").children) {
  const to = button.dataset.to;
  const end = () => {
    delete button.dataset.held;
    release(to);
  };
  button.addEventListener("pointerdown", (event) => {
    event.preventDefault();
    button.setPointerCapture(event.pointerId);
    button.dataset.held = "";
    hold(to);
  });
  for (const name of ["pointerup", "pointercancel", "lostpointercapture"]) button.addEventListener(name, end);
  // By the keyboard, or a reader of the screen: one step.
  button.addEventListener("click", (event) => {
    if (event.detail !== 0) return;
    hold(to);
    release(to);
  });
  button.addEventListener("contextmenu", (event) => event.preventDefault());
}

// -- lists ----------------------------------------------------------------------------------------

function newTeam(name, team) {
  const line = document.createElement("li");
  line.className = `k${team}`;
  line.dataset.team = name;
  const [dot, words, bar, number] = ["dot", "", "bar", "number"].map((kind) => {
    const part = document.createElement("span");
    part.className = kind;
    return part;
  });
  words.textContent = name;
  number.textContent = "0";
  line.append(dot, words, bar, number);
  at("teams").append(line);
  return { line, bar, number };
}

function listTeams() {
  if (!board) return;
  const mine = board.players.get(me)?.team;
  const counts = TEAMS.map((_, team) => team && board.count(team));
  const most = Math.max(1, ...counts);
  for (let team = 1; team < TEAMS.length; team++) {
    const { line, bar, number } = bars[team];
    number.textContent = counts[team];
    bar.style.width = `${(100 * counts[team]) / most}%`;
    line.classList.toggle("mine", team === mine);
  }
  const { x, y } = board.players.get(me) ?? {};
  at("words").textContent = mine ? `You are in team ${TEAMS[mine]}, which has ${counts[mine]} fields; column ${x + 1}, row ${y + 1}` : "";
}

function listPeople() {
  at("count").textContent = people.size;
  const sorted = [...people.values()].sort((one, other) => one.player - other.player);
  at("people").replaceChildren(
    ...sorted.map(({ name, player, team }) => {
      const line = document.createElement("li");
      line.className = `k${team}${player === me ? " mine" : ""}`;
      const dot = document.createElement("span");
      dot.className = "dot";
      line.append(dot, name);
      return line;
    }),
  );
}

setInterval(listTeams, 250);
setInterval(async () => {
  if (!board) return;
  try {
    const { late, skipped } = await link.call("game.numbers");
    at("numbers").textContent = `20 ticks a second: 99 of 100 were at most ${late.toFixed(1)} ms late, ${skipped} were left out.`;
  } catch {
    // The status says that there is no connection.
  }
}, 2000);

function frame() {
  requestAnimationFrame(frame);
  picture.draw(board, me, (number) => people.get(number)?.name);
}
requestAnimationFrame(frame);
