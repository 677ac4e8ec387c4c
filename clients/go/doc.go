// Package postroad posts events to a Postroad server, reads streams of them, and consumes
// subscriptions.
package postroad
