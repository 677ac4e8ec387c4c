// What the server says, line by line, and what of it goes to the application: plain values, which
// can be sent from tab to tab.

/** An event as `GET /v1/events` gives it. */
export interface EventLine {
  readonly topic: string;
  readonly offset: number;
  readonly stored_at: string;
  readonly id: string;
  readonly key?: string;
  readonly type?: string;
  readonly content_type?: string;
  readonly headers?: Readonly<Record<string, string>>;
  readonly time?: string;
  readonly payload?: unknown;
  readonly payload_base64?: string;
}

/** A line of JSON: an event, or one member that names what it tells; with a cursor behind it. */
export type Line = Readonly<Record<string, unknown>> & { readonly cursor?: string };

export type Item =
  | { readonly kind: 'event'; readonly cursor: string; readonly line: EventLine }
  /** Nothing to tell, but the place to go on from has moved. */
  | { readonly kind: 'position'; readonly cursor: string }
  | { readonly kind: 'gap'; readonly topic: string | undefined; readonly first: number; readonly end: number }
  | { readonly kind: 'epochChanged'; readonly before: string; readonly now: string }
  | { readonly kind: 'cursorRefused'; readonly reason: string };

/** Undefined: there is nothing to pass on. */
export function itemOf(line: Line): Item | undefined {
  const { gap, epoch_changed: epoch, cursor } = line as Record<string, any>;
  if (gap) return { kind: 'gap', topic: gap.topic, first: gap.first, end: gap.end };
  if (epoch) return { kind: 'epochChanged', before: epoch.old_epoch, now: epoch.new_epoch };
  if (cursor === undefined) return undefined;
  if (line['offset'] === undefined) return { kind: 'position', cursor };
  return { kind: 'event', cursor, line: line as unknown as EventLine };
}
