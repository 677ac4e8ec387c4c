// Where a client's items come from: a connection of its own (here), or one that the tabs of a
// browser share (tabs.ts).
import type { Bytes } from './bytes.js';
import { Connection, type ConnectionOptions, type Status } from './connection.js';
import type { PostroadError } from './error.js';
import type { Item } from './item.js';
import type { Asked } from './link.js';

export interface SourceEvents {
  item(item: Item): void;
  status(status: Status): void;
  /** Undefined: this application answers no questions. */
  readonly asked: ((question: Asked) => Promise<Bytes>) | undefined;
}

export interface Source {
  /** Whether this is where the connection is. */
  readonly leads: boolean;
  /** The application is done with so many items. */
  taken(items: number): void;
  call(route: string, body: string, signal: AbortSignal): Promise<string>;
  tell(route: string, body: string): void;
  wake(): void;
  doubt(): void;
  /** Where to go on after a stop. */
  readonly cursor: string | undefined;
  stop(error: PostroadError): void;
}

export type MakeSource = (cursor: string | undefined, events: SourceEvents) => Source;

/** Nobody here answers: the asker reads it. */
export const noHandler = (): Promise<Bytes> =>
  Promise.reject(new Error('NO_HANDLER: this application answers no questions'));

export function ownConnection(options: ConnectionOptions): MakeSource {
  return (cursor, events) => {
    const connection = new Connection(options, cursor, {
      item: (item) => events.item(item),
      status: (status) => events.status(status),
      asked: events.asked ?? noHandler,
    });
    return Object.assign(connection, { leads: true });
  };
}
