// Package postroad posts events to a Postroad server, reads streams of them, and consumes
// subscriptions.
//
//	client, err := postroad.Dial("127.0.0.1:7401")
//
// A [Client] is one connection, which everything made from it shares:
//
//   - a [Publisher] posts. [Publisher.Post] waits for the answer; [Publisher.Publish],
//     [Publisher.PublishFunc] and [Publisher.PublishAll] don't. All of them fill the same batches;
//   - a [Stream] reads topics in order from a position that the program keeps (a cursor), and then
//     follows. Each event comes once; a gap is told;
//   - a [Subscriber] consumes a subscription, whose place the server keeps and whose events its
//     members share, at least once until settled;
//   - an [Admin] looks into the server and changes what it keeps: topics, subscriptions, future-dated
//     events, dead letters, receipts.
//
// # Connections
//
// Nothing needs a connection to be made, or made again: publishers, streams and subscribers connect
// when they have something to do, and go on after any transport error, end of stream, GOAWAY or ABORTED
// until their context ends or they are closed. Only what the server says of the request itself ends
// them, since asking again does not help: a refused key, a bad cursor, a subscription that is not there.
// Where a newer one of the same client id took over they take over again (see [WithClientID]).
//
// Between attempts they wait as [Backoff] says: 100 ms, doubled up to 30 s, each time spread by ±20 %,
// for 24 h; anew once a stream was established. Each of them is a state machine:
//
//	         Run, Events, a post               the stream is up
//	Closed ─────────────────────▶ Connecting ─────────────────▶ Connected
//	  ▲                            ▲      │                         │
//	  │            the wait is over│      │the attempt failed       │the stream ended
//	  │                            │      ▼                         │
//	  │                          Disconnected ◀─────────────────────┘
//	  │
//	  │ handlers have returned, what           Close, Stop, the context's end;
//	  │ they settled was sent                  an error that ends it for good
//	  └────────────────────── Draining ◀────── (from any of these three)
//
// A Stream that nobody waits for goes to Closed right away. [WithStateCallback] tells of every change,
// and [WithLogger] has them in the log: those with an error as warnings, the others for debugging.
//
// Keepalive pings find dead connections (10 s and 3 s by default, as the server's, also without
// calls). A server that finds them too many says so with GOAWAY; the client logs what to do about it
// and from then on sends them half as often.
//
// # Closing
//
// Client.Close closes all that was made from it; each part has a Close of its own, too. Close may be
// called again, waits for handlers and callbacks that run until its context ends, and never for a
// sleeping retry. Not from a handler: that is what Stop is for.
//
// # Errors
//
// Errors of this package are an [*Error] with the server's code, reason and field, and can be
// compared by errors.Is with the Err… values; a context's end is one, too, and context.Canceled or
// context.DeadlineExceeded. Others are a handler's own error, its panic ([*PanicError]), and what a
// loop over Events is told of the log ([*Gap], [*EpochChanged]). Bad use (an empty topic, a nil handler, a closed client)
// is an error before anything is sent.
//
// # Received events
//
// The events of one response share its memory: strings and payloads are views of it. They stay valid
// for ever and belong to the program; one that keeps few of many saves memory by keeping
// [Event.Clone].
//
// # Tests
//
// Package postroadtest is a server in memory for the tests of programs that use this package.
package postroad
