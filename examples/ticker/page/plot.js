// The plot: each symbol's change over the last seconds, as a line.

const SPAN = 30_000;
const EVERY = 100; // A point for each tenth of a second: more than the screen has would not be seen.

export class Plot {
  #canvas;
  #lines;

  constructor(canvas, symbols) {
    this.#canvas = canvas;
    this.#lines = new Map(symbols.map((symbol) => [symbol, []]));
  }

  /** Takes a price in; of those within a tenth of a second the last one counts. */
  add(symbol, price, now) {
    const points = this.#lines.get(symbol);
    const slot = Math.floor(now / EVERY) * EVERY;
    const last = points.at(-1);
    if (last?.at === slot) last.price = price;
    else points.push({ at: slot, price });
    while (points.length > 2 && points[1].at < now - SPAN) points.shift();
  }

  /** The change since the left edge, in percent. */
  change(symbol) {
    const points = this.#lines.get(symbol);
    return points.length ? (points.at(-1).price / points[0].price - 1) * 100 : 0;
  }

  draw(now) {
    const scale = devicePixelRatio;
    const { clientWidth: width, clientHeight: height } = this.#canvas;
    if (this.#canvas.width !== Math.round(width * scale) || this.#canvas.height !== Math.round(height * scale)) {
      this.#canvas.width = Math.round(width * scale);
      this.#canvas.height = Math.round(height * scale);
    }
    const brush = this.#canvas.getContext("2d");
    const style = getComputedStyle(document.documentElement);
    const colour = (name) => style.getPropertyValue(name).trim();
    brush.setTransform(scale, 0, 0, scale, 0, 0);
    brush.clearRect(0, 0, width, height);

    let most = 0.2;
    for (const points of this.#lines.values())
      for (const { price } of points) most = Math.max(most, Math.abs(price / points[0].price - 1) * 100);
    const step = [0.1, 0.2, 0.5, 1, 2, 5, 10, 20, 50].find((each) => most / each <= 2.5) ?? 100;
    most = Math.max(most * 1.08, step * 1.1);
    const right = width - 52;
    const bottom = height - 22;
    const x = (at) => right - ((now - at) / SPAN) * right;
    const y = (percent) => bottom / 2 - (percent / most) * (bottom / 2 - 4);

    brush.font = "12px ui-sans-serif, system-ui, sans-serif";
    brush.textBaseline = "middle";
    for (let mark = -2 * step; mark <= 2 * step + 1e-9; mark += step) {
      if (Math.abs(mark) > most) continue;
      const level = y(mark);
      brush.strokeStyle = colour("--line");
      brush.lineWidth = 1;
      brush.beginPath();
      brush.moveTo(0, level);
      brush.lineTo(right, level);
      brush.stroke();
      brush.fillStyle = colour("--quiet");
      const words = Math.abs(mark) < 1e-9 ? "0 %" : `${mark > 0 ? "+" : "−"}${Math.abs(+mark.toFixed(2))} %`;
      brush.fillText(words, right + 8, level);
    }
    brush.fillStyle = colour("--quiet");
    for (const seconds of [30, 20, 10, 0]) {
      brush.textAlign = seconds === 30 ? "left" : seconds === 0 ? "right" : "center";
      brush.fillText(seconds ? `−${seconds} s` : "now", x(now - seconds * 1000), height - 9);
    }
    brush.textAlign = "left";

    brush.save();
    brush.beginPath();
    brush.rect(0, 0, right, height);
    brush.clip();
    brush.lineWidth = 2;
    brush.lineJoin = "round";
    [...this.#lines.values()].forEach((points, index) => {
      brush.strokeStyle = colour(`--c${index}`);
      brush.beginPath();
      for (const { at, price } of points) brush.lineTo(x(at), y((price / points[0].price - 1) * 100));
      if (points.length) brush.lineTo(right, y(this.#percent(points)));
      brush.stroke();
    });
    brush.restore();
  }

  #percent(points) {
    return (points.at(-1).price / points[0].price - 1) * 100;
  }
}
