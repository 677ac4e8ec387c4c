// What goes wrong, as one type that programs can look into.

/** A failure: `reason` is for programs, `message` for people. */
export class PostroadError extends Error {
  override readonly name = 'PostroadError';

  constructor(
    /** The server's, as in `NO_USER`, `REPLACED`; or the client's own, as in `CONNECTION_LOST`, `TIMED_OUT`, `CLOSED`. */
    readonly reason: string,
    message: string,
    /** Whether the server said it: else it was not reached, or went away. */
    readonly fromServer = false,
  ) {
    super(message);
  }
}

/** Of a server's text, which opens with a reason: `NO_ROUTE: metadata: there is no route "x"`. */
export function fromServerText(text: string): PostroadError {
  const reason = /^([A-Z][A-Z_]+)(:|$)/.exec(text)?.[1];
  return new PostroadError(reason ?? 'REFUSED', text, true);
}

export const lost = (why: string): PostroadError => new PostroadError('CONNECTION_LOST', why);

export const asError = (thrown: unknown): PostroadError =>
  thrown instanceof PostroadError ? thrown : lost(thrown instanceof Error ? thrown.message : String(thrown));

// A connection that is refused with one of these would be refused again.
const final = new Set([
  'NO_USER', 'BAD_METADATA', 'BAD_NAME', 'TOO_LONG', 'NOT_ALLOWED', 'PERMISSION_DENIED', 'ORIGIN_NOT_ALLOWED', 'NO_ROUTE',
  'NO_SUCH_PATH', 'REPLACED', 'CLOSED',
]);
const ofTokens = new Set(['UNAUTHENTICATED', 'KEY_MISSING', 'KEY_UNKNOWN']);

/** Whether the place that is kept is none that the server can go on from. */
export const refusesCursor = ({ reason }: PostroadError): boolean => reason === 'BAD_CURSOR' || reason === 'BEYOND_END';

/** Whether to try again is of no use. With a token that is asked for each time it may be of use. */
export const isFinal = ({ reason }: PostroadError, freshTokens: boolean): boolean =>
  final.has(reason) || (ofTokens.has(reason) && !freshTokens);
