// Where a reader is, by the cursor of what it has. When something is read again from an earlier place,
// it tells what is new from what was there before. docs/formats/cursor.md has the bytes.
import { fromBase64 } from './bytes.js';
import type { Item } from './item.js';

// Of a topic's cursor: the kind, the epoch and the topic; and the offset that is next.
interface TopicCursor {
  readonly log: string;
  readonly epoch: string;
  readonly next: number;
}

const topicKind = 1;
const headBytes = 13; // kind, epoch, topic
const checkBytes = 4;

const hex = (bytes: Uint8Array): string => Array.from(bytes, (byte) => byte.toString(16).padStart(2, '0')).join('');

/** Undefined: not a topic's cursor, or none at all. */
export function parseCursor(cursor: string): TopicCursor | undefined {
  let bytes: Uint8Array;
  try {
    bytes = fromBase64(cursor);
  } catch {
    return undefined;
  }
  if (bytes[0] !== topicKind || bytes.length <= headBytes + checkBytes) return undefined;
  const varint = bytes.subarray(headBytes, -checkBytes);
  const next = varint.reduceRight((value, byte) => value * 128 + (byte & 0x7f), 0);
  return { log: hex(bytes.subarray(0, headBytes)), epoch: hex(bytes.subarray(1, 9)), next };
}

/** Whether who reads on from `cursor` misses nothing that follows `place`. */
export function covers(cursor: string, place: string): boolean {
  const [from, at] = [parseCursor(cursor), parseCursor(place)];
  // Places in different logs: the server tells where one ended and the other began.
  return !from || !at || from.log !== at.log || from.next <= at.next;
}

export class Place {
  private topic: string | undefined;
  // Of which it is known here that it began. A place may be in a new epoch before that is told.
  private epoch: string | undefined;

  constructor(private current?: string) {
    this.epoch = this.at?.epoch;
  }

  get cursor(): string | undefined {
    return this.current;
  }

  /**
   * Goes on behind the item; false: it has nothing to tell. Where a user's connections take turns, an
   * event that another left unacked comes behind later ones: the place never goes back.
   */
  follow(item: Item): boolean {
    return this.admit(item) || (item.kind !== 'position');
  }

  /** Whether the item is new here, where things are read again; if so the place is behind it now. */
  admit(item: Item): boolean {
    switch (item.kind) {
      case 'event':
        if (!this.moves(item.cursor)) return false;
        this.topic = item.line.topic;
        this.epoch = this.at?.epoch;
        return true;
      case 'position':
        if (!this.moves(item.cursor)) return false;
        this.epoch ??= this.at?.epoch;
        return true;
      case 'gap':
        return !(this.at && item.topic === this.topic && item.end <= this.at.next);
      case 'epochChanged':
        if (this.epoch === item.now) return false;
        this.epoch = item.now;
        return true;
      case 'cursorRefused':
        this.current = this.epoch = undefined;
        return true;
    }
  }

  private get at(): TopicCursor | undefined {
    return this.current === undefined ? undefined : parseCursor(this.current);
  }

  private moves(cursor: string): boolean {
    const [to, at] = [parseCursor(cursor), this.at];
    if (to && at && to.log === at.log && to.next <= at.next) return false;
    const moved = this.current !== cursor;
    this.current = cursor;
    return moved;
  }
}
