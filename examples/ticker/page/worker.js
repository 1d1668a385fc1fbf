// What comes in, ten thousand times a second, beside the page rather than in it: so a screen that is
// being drawn keeps nothing waiting. The page hears of it ten times a second.

import { Link } from "./link.js";

let count = 0;
let age = 0;
let newest = {};

new Link(["market:prices"], {
  publication(_channel, data) {
    count++;
    age = Date.now() - data.t;
    newest[data.s] = data.p;
  },
  live() {
    postMessage({ live: true });
  },
  lost() {
    postMessage({ live: false });
  },
});

setInterval(() => {
  postMessage({ count, age, newest });
  newest = {};
}, 100);
