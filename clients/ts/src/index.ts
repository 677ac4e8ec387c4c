// @postroad/client: notifications from a Postroad server, in browsers and Node.
export { connect, type Client, type Presence } from './client.js';
export type { Status } from './connection.js';
export { memoryCursors, storageCursors, type CursorStore } from './cursors.js';
export { PostroadError } from './error.js';
export type { Start, Transport } from './link.js';
export type { CursorRefused, EpochChanged, Gap, Message, Notice, PostroadEvent } from './message.js';
export type { Options, Question } from './options.js';
export type { Backoff } from './backoff.js';
export type { NewEvent, Posted } from './post.js';
export type { State } from './state.js';
