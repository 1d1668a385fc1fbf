// The board as it is drawn. What is drawn is what the server has said; between two fields a player
// glides, which is the picture's own.

const GLIDE = 200; // Milliseconds from field to field, as the server's pace has it.

/** The whole, and the changes since: nothing here decides anything. */
export class Board {
  constructor(whole) {
    this.n = whole.n;
    this.width = whole.width;
    this.height = whole.height;
    this.fields = Uint8Array.from(whole.fields, Number);
    this.players = new Map();
    this.fresh = new Map(); // When a field was painted last, to let it shine for a moment.
    for (const place of whole.at) this.#put(place);
  }

  /** Takes changes in; false if some before them are missing. */
  take(changes) {
    if (changes.n <= this.n) return true;
    if (changes.n !== this.n + 1) return false;
    this.n = changes.n;
    const now = performance.now();
    for (const [field, team] of changes.paint ?? []) {
      this.fields[field] = team;
      this.fresh.set(field, now);
    }
    for (const place of changes.at ?? []) this.#put(place);
    for (const number of changes.gone ?? []) this.players.delete(number);
    return true;
  }

  /** How many fields a team has. */
  count(team) {
    let fields = 0;
    for (const each of this.fields) fields += each === team;
    return fields;
  }

  #put([number, team, x, y]) {
    const before = this.players.get(number);
    const from = before ? spot(before, performance.now()) : { x, y };
    this.players.set(number, { team, x, y, from, since: performance.now() });
  }
}

function spot({ x, y, from, since }, now) {
  const share = Math.min(1, (now - since) / GLIDE);
  return { x: from.x + (x - from.x) * share, y: from.y + (y - from.y) * share };
}

// Each team has a mark as well as a colour, for those who do not tell colours apart.
const MARKS = [
  null,
  (brush, r) => brush.arc(0, 0, r, 0, 7),
  (brush, r) => brush.rect(-r, -r / 3, 2 * r, r / 1.5),
  (brush, r) => [brush.moveTo(0, -r), brush.lineTo(r, r), brush.lineTo(-r, r)],
  (brush, r) => [brush.moveTo(0, -r * 1.2), brush.lineTo(r * 1.2, 0), brush.lineTo(0, r * 1.2), brush.lineTo(-r * 1.2, 0)],
  (brush, r) => brush.rect(-r * 0.85, -r * 0.85, 1.7 * r, 1.7 * r),
  (brush, r) => [brush.rect(-r, -r / 4, 2 * r, r / 2), brush.rect(-r / 4, -r, r / 2, 2 * r)],
];

export class Picture {
  #canvas;

  constructor(canvas) {
    this.#canvas = canvas;
  }

  draw(board, me, name) {
    const scale = devicePixelRatio;
    const { clientWidth: width, clientHeight: height } = this.#canvas;
    if (this.#canvas.width !== Math.round(width * scale) || this.#canvas.height !== Math.round(height * scale)) {
      this.#canvas.width = Math.round(width * scale);
      this.#canvas.height = Math.round(height * scale);
    }
    const brush = this.#canvas.getContext("2d");
    const style = getComputedStyle(document.documentElement);
    const colour = (key) => style.getPropertyValue(key).trim();
    const colours = [colour("--empty"), ...[1, 2, 3, 4, 5, 6].map((team) => colour(`--t${team}`))];
    brush.setTransform(scale, 0, 0, scale, 0, 0);
    brush.clearRect(0, 0, width, height);
    const size = width / (board?.width ?? 24);
    const gap = Math.max(0.5, size * 0.04);
    const now = performance.now();
    const count = board?.fields.length ?? 432;
    const across = board?.width ?? 24;
    for (let field = 0; field < count; field++) {
      const team = board?.fields[field] ?? 0;
      const x = (field % across) * size;
      const y = Math.floor(field / across) * size;
      brush.fillStyle = colours[team];
      brush.beginPath();
      brush.roundRect(x + gap, y + gap, size - 2 * gap, size - 2 * gap, size * 0.18);
      brush.fill();
      if (!team) continue;
      brush.save();
      brush.translate(x + size / 2, y + size / 2);
      brush.globalAlpha = 0.22;
      brush.fillStyle = "#fff";
      brush.beginPath();
      MARKS[team](brush, size * 0.15);
      brush.fill();
      const age = now - (board.fresh.get(field) ?? -1e9);
      if (age < 350) {
        brush.globalAlpha = 0.5 * (1 - age / 350);
        brush.beginPath();
        brush.roundRect(gap - size / 2, gap - size / 2, size - 2 * gap, size - 2 * gap, size * 0.18);
        brush.fill();
      }
      brush.restore();
    }
    for (const [number, player] of board?.players ?? []) {
      const { x, y } = spot(player, now);
      brush.save();
      brush.translate((x + 0.5) * size, (y + 0.5) * size);
      brush.beginPath();
      brush.arc(0, 0, size * 0.42, 0, 7);
      brush.fillStyle = colours[player.team];
      brush.fill();
      brush.lineWidth = Math.max(2, size * 0.09);
      brush.strokeStyle = colour(number === me ? "--ink" : "--card");
      brush.stroke();
      brush.fillStyle = "#fff";
      brush.font = `700 ${Math.round(size * 0.45)}px ui-sans-serif, system-ui, sans-serif`;
      brush.textAlign = "center";
      brush.textBaseline = "middle";
      brush.fillText([...(name(number) ?? "")][0]?.toUpperCase() ?? "", 0, size * 0.03);
      brush.restore();
    }
  }
}
