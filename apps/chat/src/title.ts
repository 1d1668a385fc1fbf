/** The window's title: how many messages are unread, and the room. */
export function titleOf(room: string, unread: number): string {
  return `${unread > 0 ? `(${unread > 99 ? "99+" : unread}) ` : ""}${room} · Sennit`;
}
