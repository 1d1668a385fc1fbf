// The page: what has come in is shown with the next frame of the screen.

import { Link } from "./link.js";
import { Plot } from "./plot.js";

const SYMBOLS = ["TERN", "GULL", "PUFFIN", "AUK", "SKUA"];
const VIEWS = ["fast", "slow"];

const at = (id) => document.getElementById(id);
const whole = new Intl.NumberFormat("en");
const plot = new Plot(at("plot"), SYMBOLS);
const newest = new Map();
const rows = new Map();
const views = new Map();

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

const link = new Link([...SYMBOLS.map((symbol) => `market:${symbol}`), ...VIEWS.map((view) => `view:${view}`)], {
  publication(channel, data) {
    const [family, name] = channel.split(":");
    if (family === "view") took(name, data);
    else newest.set(name, data.p);
  },
  live() {
    at("status").textContent = "Live";
    at("status").dataset.state = "live";
  },
  lost() {
    at("status").textContent = "Reconnecting…";
    at("status").dataset.state = "connecting";
  },
});

function took(name, data) {
  const now = performance.now();
  const before = views.get(name);
  if (before && data.count > before.data.count)
    at(`${name}-rate`).textContent = whole.format(Math.round((data.count - before.data.count) / (data.at - before.data.at)));
  views.set(name, { data, now });
  at(`${name}-age`).textContent = (data.age / 1000).toFixed(1);
  if (name !== "slow") return;
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
  views.delete("slow");
  at("slow-rate").textContent = at("slow-age").textContent = "–";
  for (const { slow } of rows.values()) slow.textContent = "";
}

let told = null;
setInterval(async () => {
  const slow = views.get("slow");
  if (slow && performance.now() - slow.now > 5000) {
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
