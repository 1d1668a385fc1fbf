// The page: what has come in is shown with the next frame of the screen.

import { Link } from "./link.js";
import { Plot } from "./plot.js";

const SYMBOLS = ["TERN", "GULL", "PUFFIN", "AUK", "SKUA"];
const SLOW = "view:slow";

const at = (id) => document.getElementById(id);
const whole = new Intl.NumberFormat("en");
const plot = new Plot(at("plot"), SYMBOLS);
const newest = new Map();
const rows = new Map();
let received = 0;
let age = 0;
let view = null;

for (const [index, symbol] of SYMBOLS.entries()) {
  const row = at("prices").insertRow();
  const head = document.createElement("th");
  head.scope = "row";
  const dot = document.createElement("span");
  dot.className = `dot k${index}`;
  dot.setAttribute("aria-hidden", "true");
  head.append(dot, symbol);
  row.append(head);
  row.dataset.symbol = symbol;
  rows.set(symbol, { price: row.insertCell(), change: row.insertCell(), slow: row.insertCell() });
}

const worker = new Worker("./worker.js", { type: "module" });
worker.onmessage = ({ data }) => {
  if (data.live !== undefined) {
    at("status").textContent = data.live ? "Live" : "Reconnecting…";
    at("status").dataset.state = data.live ? "live" : "connecting";
    return;
  }
  received = data.count;
  age = data.age;
  for (const symbol of SYMBOLS) if (symbol in data.newest) newest.set(symbol, data.newest[symbol]);
};

// A second connection: what is asked for does not wait behind ten thousand prices.
const link = new Link([SLOW], {
  publication(_channel, data) {
    took(data);
  },
  live() {},
  lost() {},
});

function took(data) {
  const now = performance.now();
  if (view && data.count > view.data.count)
    at("slow-rate").textContent = whole.format(Math.round(((data.count - view.data.count) / (now - view.now)) * 1000));
  view = { data, now };
  at("slow-age").textContent = (data.age / 1000).toFixed(1);
  at("slow").setAttribute("aria-checked", "true");
  for (const symbol of SYMBOLS) rows.get(symbol).slow.textContent = data.prices[symbol]?.toFixed(2) ?? "";
}

at("slow").addEventListener("click", async () => {
  const wanted = at("slow").getAttribute("aria-checked") !== "true";
  try {
    const { on } = await link.call("ticker.slow", { on: wanted });
    at("slow").setAttribute("aria-checked", String(on));
    if (!on) forget();
  } catch {
    // The status says that there is no connection.
  }
});

function forget() {
  view = null;
  at("slow-rate").textContent = at("slow-age").textContent = "–";
  for (const { slow } of rows.values()) slow.textContent = "";
}

let counted = { received: 0, now: performance.now() };
let told = null;
setInterval(async () => {
  const now = performance.now();
  const seconds = (now - counted.now) / 1000;
  at("rate").textContent = whole.format(Math.round((received - counted.received) / seconds));
  at("age").textContent = (age / 1000).toFixed(1);
  counted = { received, now };
  if (view && now - view.now > 3000) {
    at("slow").setAttribute("aria-checked", "false");
    forget();
  }
  at("plot-words").textContent = SYMBOLS.map((symbol) => `${symbol} ${plot.change(symbol).toFixed(2)} %`).join(", ");
  try {
    const numbers = await link.call("ticker.numbers");
    // By the server's clock: the answer may have been long on its way.
    if (told) at("feed").textContent = whole.format(Math.round((numbers.updates - told.updates) / (numbers.at - told.at)));
    told = numbers;
    at("conflated").textContent = whole.format(numbers.conflated);
  } catch {
    told = null;
  }
}, 1000);

// Prices move too often for sixty pictures a second to be of use, and a phone has a battery.
const PICTURE = 66;
let shown = 0;

function show() {
  requestAnimationFrame(show);
  const now = Date.now();
  if (now - shown < PICTURE) return;
  shown = now;
  for (const symbol of SYMBOLS) {
    const price = newest.get(symbol);
    if (price === undefined) continue;
    plot.add(symbol, price, now);
    const { price: cell, change } = rows.get(symbol);
    cell.textContent = price.toFixed(2);
    const percent = plot.change(symbol);
    change.textContent = `${percent < 0 ? "−" : "+"}${Math.abs(percent).toFixed(2)} %`;
    change.className = percent < 0 ? "down" : "up";
  }
  plot.draw(now);
}
requestAnimationFrame(show);
