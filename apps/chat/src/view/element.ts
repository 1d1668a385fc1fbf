/** What a new element gets: attributes; a class; whether it is hidden. */
type Attributes = Readonly<Record<string, string | boolean | undefined>>;

/**
 * Make an element. Children that are strings become text, never markup: there is no way from what
 * somebody wrote to the page's structure.
 */
export function element<Tag extends keyof HTMLElementTagNameMap>(
  tag: Tag,
  attributes: Attributes = {},
  ...children: (Node | string)[]
): HTMLElementTagNameMap[Tag] {
  const made = document.createElement(tag);
  for (const [name, value] of Object.entries(attributes)) {
    if (value === true) made.setAttribute(name, "");
    else if (typeof value === "string") made.setAttribute(name, value);
  }
  made.append(...children);
  return made;
}

/** A picture out of the page's symbols; silent for a screen reader. */
export function icon(name: string): SVGSVGElement {
  const svg = document.createElementNS("http://www.w3.org/2000/svg", "svg");
  svg.setAttribute("class", "icon");
  svg.setAttribute("aria-hidden", "true");
  const use = document.createElementNS("http://www.w3.org/2000/svg", "use");
  use.setAttribute("href", `#icon-${name}`);
  svg.append(use);
  return svg;
}

/** An element that the page is known to have. */
export function byId<Kind extends Element>(id: string, kind: abstract new (...args: never[]) => Kind): Kind {
  const found = document.getElementById(id);
  if (!(found instanceof kind)) throw new Error(`The page has no ${kind.name} called ${id}`);
  return found;
}

/** Set a text only if it is another one, so that a live region does not say it twice. */
export function setText(node: Element, text: string): void {
  if (node.textContent !== text) node.textContent = text;
}
