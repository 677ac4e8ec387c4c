// The states of a client, and what leads from one to another.

export type State =
  /** Ended: by close(), or because the server will not have it. */
  | 'Closed'
  /** An attempt is under way. */
  | 'Connecting'
  /** Live: events come as they are posted. */
  | 'Connected'
  /** The connection was lost or an attempt failed; the next one waits its turn. */
  | 'Disconnected';

export type Transition = 'attempt' | 'establish' | 'lose' | 'end';

const table: Readonly<Record<State, Partial<Record<Transition, State>>>> = {
  Closed: {},
  Connecting: { establish: 'Connected', lose: 'Disconnected', end: 'Closed' },
  Connected: { lose: 'Disconnected', end: 'Closed' },
  Disconnected: { attempt: 'Connecting', end: 'Closed' },
};

/** The state after it; the same where it changes nothing. */
export const next = (state: State, transition: Transition): State => table[state][transition] ?? state;
