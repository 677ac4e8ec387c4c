package postroad

// Errors: what they say, how they are told apart, and which pass.

import (
	"context"
	"errors"
	"fmt"
	"runtime/debug"
	"strings"

	"google.golang.org/genproto/googleapis/rpc/errdetails"
	"google.golang.org/grpc/codes"
	"google.golang.org/grpc/status"
	"google.golang.org/protobuf/proto"

	pb "github.com/postroad/postroad/clients/go/postroadv1"
)

// Error is an error of this package, the server's as well as the client's own.
//
// errors.Is compares with the Err… values below by code and, where they have one, reason;
// errors.As with *Error gives the field at fault and the rest. A context's end can be told by
// errors.Is(err, context.Canceled) and context.DeadlineExceeded, too.
type Error struct {
	// Code is the canonical gRPC code.
	Code codes.Code
	// Reason says more closely why, for programs: "EVENT_TOO_LARGE", "REPLACED". docs/grpc.md lists
	// the server's; may be empty.
	Reason string
	// Field is the path of the argument at fault, as in "events[3].topic"; empty if none is.
	Field string
	// Message is for people.
	Message string
	// Metadata is what else the server said of the reason.
	Metadata map[string]string

	cause error
}

// What errors.Is is asked with. Those of the server have its codes and reasons.
var (
	// ErrInvalid is any bad argument: mend it, since repeating does not help.
	ErrInvalid = &Error{Code: codes.InvalidArgument, Message: "bad argument"}
	// ErrEventTooLarge is an event over the topic's limit, or over what any server takes (64 MiB).
	ErrEventTooLarge = &Error{Code: codes.InvalidArgument, Reason: "EVENT_TOO_LARGE", Message: "event too large"}
	// ErrBatchTooLarge is a call with more than 8 MiB of events.
	ErrBatchTooLarge = &Error{Code: codes.InvalidArgument, Reason: "BATCH_TOO_LARGE", Message: "batch too large"}
	// ErrBadCursor is a cursor that is none, or another topic's.
	ErrBadCursor = &Error{Code: codes.InvalidArgument, Reason: "BAD_CURSOR", Message: "bad cursor"}
	// ErrClosed is a call on a client, or a part of one, that was closed.
	ErrClosed = &Error{Code: codes.FailedPrecondition, Reason: "CLIENT_CLOSED", Message: "the client was closed"}
	// ErrBusy is a second Run or Events while one is at work.
	ErrBusy = &Error{Code: codes.FailedPrecondition, Reason: "BUSY", Message: "it runs already"}
	// ErrStopped is a post that was not answered when its publisher closed; it may be stored.
	ErrStopped = &Error{Code: codes.Canceled, Reason: "STOPPED", Message: "closed before the answer came"}
	// ErrBufferFull is a post refused because too many wait for their answers (RefuseWhenFull).
	ErrBufferFull = &Error{Code: codes.ResourceExhausted, Reason: "BUFFER_FULL", Message: "the buffer is full"}
	// ErrAlreadySettled is a second settlement of a delivery.
	ErrAlreadySettled = &Error{Code: codes.FailedPrecondition, Reason: "ALREADY_SETTLED", Message: "the delivery is settled already"}
	// ErrConnectionLost is a settlement whose connection is gone: the server delivers the event again.
	ErrConnectionLost = &Error{Code: codes.Aborted, Reason: "CONNECTION_LOST", Message: "the connection of the delivery is gone; the server delivers it again"}
	// ErrReplaced is the end of a stream or member whose client id a newer one has.
	ErrReplaced = &Error{Code: codes.Aborted, Reason: "REPLACED", Message: "replaced by a newer one"}
	// ErrUnavailable is no server, or one that goes down.
	ErrUnavailable = &Error{Code: codes.Unavailable, Message: "unavailable"}
	// ErrDraining is a server that goes down.
	ErrDraining = &Error{Code: codes.Unavailable, Reason: "DRAINING", Message: "the server goes down"}
	// ErrOverloaded is a server that takes no more for now.
	ErrOverloaded = &Error{Code: codes.ResourceExhausted, Reason: "OVERLOADED", Message: "overloaded"}
	// ErrNotFound is a topic, subscription, event or dead letter that is not there.
	ErrNotFound = &Error{Code: codes.NotFound, Message: "not found"}
	// ErrAlreadyExists is a subscription that is there with other settings.
	ErrAlreadyExists = &Error{Code: codes.AlreadyExists, Message: "exists already"}
	// ErrUnauthenticated is a missing or unknown API key.
	ErrUnauthenticated = &Error{Code: codes.Unauthenticated, Message: "unauthenticated"}
	// ErrPermissionDenied is a key without the right that the message names.
	ErrPermissionDenied = &Error{Code: codes.PermissionDenied, Message: "permission denied"}
)

// Error gives code, reason, field and message on one line.
func (e *Error) Error() string {
	var b strings.Builder
	b.WriteString("postroad: ")
	b.WriteString(codeName(e.Code))
	if e.Reason != "" {
		b.WriteString(" (" + e.Reason + ")")
	}
	if e.Field != "" {
		b.WriteString(" " + e.Field)
	}
	b.WriteString(": " + e.Message)
	return b.String()
}

// Is says whether target is an *Error of this code and, if it has one, this reason.
func (e *Error) Is(target error) bool {
	t, ok := target.(*Error)
	return ok && t.Code == e.Code && (t.Reason == "" || t.Reason == e.Reason)
}

// Unwrap gives what caused it: a context's error, an error of the file system.
func (e *Error) Unwrap() error { return e.cause }

// GRPCStatus lets status.Code and status.FromError see the code.
func (e *Error) GRPCStatus() *status.Status { return status.New(e.Code, e.Message) }

// PanicError is a handler's panic.
type PanicError struct {
	// Value is what it panicked with.
	Value any
	// Stack is the goroutine's, as from debug.Stack.
	Stack []byte
}

// Error gives the value, without the stack.
func (e *PanicError) Error() string { return fmt.Sprintf("the handler panicked: %v", e.Value) }

// Unwrap gives the value if it is an error.
func (e *PanicError) Unwrap() error {
	err, _ := e.Value.(error)
	return err
}

// codeName is a code as the server and its documentation spell it.
func codeName(c codes.Code) string {
	names := [...]string{
		"OK", "CANCELLED", "UNKNOWN", "INVALID_ARGUMENT", "DEADLINE_EXCEEDED", "NOT_FOUND",
		"ALREADY_EXISTS", "PERMISSION_DENIED", "RESOURCE_EXHAUSTED", "FAILED_PRECONDITION",
		"ABORTED", "OUT_OF_RANGE", "UNIMPLEMENTED", "INTERNAL", "UNAVAILABLE", "DATA_LOSS",
		"UNAUTHENTICATED",
	}
	if int(c) < len(names) {
		return names[c]
	}
	return c.String()
}

func invalid(field, format string, args ...any) *Error {
	return &Error{Code: codes.InvalidArgument, Field: field, Message: fmt.Sprintf(format, args...)}
}

func (e *Error) withReason(reason string) *Error {
	e.Reason = reason
	return e
}

// contextError is why ctx, which has ended, did: an error that is ctx's and, if that has one of its
// own, its cause.
func contextError(ctx context.Context) error {
	ended, cause := ctx.Err(), context.Cause(ctx)
	if cause == error(ErrClosed) || cause == error(ErrStopped) {
		return cause // ours
	}
	e := &Error{Code: codes.Canceled, Message: cause.Error(), cause: ended}
	if errors.Is(ended, context.DeadlineExceeded) {
		e.Code = codes.DeadlineExceeded
	}
	if cause != ended {
		e.cause = errors.Join(ended, cause)
	}
	return e
}

// callError makes the error of a call with ctx one of this package.
func callError(ctx context.Context, err error) error {
	if err != nil && ctx.Err() != nil {
		return contextError(ctx)
	}
	return errorOf(err)
}

// errorOf makes a gRPC error, or a context's, one of this package.
func errorOf(err error) error {
	if err == nil {
		return nil
	}
	var already *Error
	if errors.As(err, &already) {
		return err
	}
	switch {
	case errors.Is(err, context.Canceled):
		return &Error{Code: codes.Canceled, Message: err.Error(), cause: context.Canceled}
	case errors.Is(err, context.DeadlineExceeded):
		return &Error{Code: codes.DeadlineExceeded, Message: err.Error(), cause: context.DeadlineExceeded}
	}
	return fromStatus(err)
}

func fromStatus(err error) *Error {
	s, ok := status.FromError(err)
	if !ok {
		return &Error{Code: codes.Unknown, Message: err.Error(), cause: err}
	}
	e := &Error{Code: s.Code(), Message: s.Message(), cause: err}
	switch {
	case s.Code() == codes.DeadlineExceeded:
		e.cause = context.DeadlineExceeded // gRPC may know it before the context does
	case s.Code() == codes.Canceled && s.Message() == "grpc: the client connection is closing":
		return ErrClosed
	}
	for _, detail := range s.Details() {
		switch d := detail.(type) {
		case *errdetails.ErrorInfo:
			e.Reason, e.Metadata = d.GetReason(), d.GetMetadata()
		case *errdetails.BadRequest:
			if violations := d.GetFieldViolations(); len(violations) > 0 {
				e.Field = violations[0].GetField()
			}
		}
	}
	return e
}

func fromDetail(d *pb.StatusDetail) *Error {
	return &Error{
		Code:     codes.Code(d.GetCode()),
		Reason:   d.GetReason(),
		Field:    d.GetField(),
		Message:  d.GetMessage(),
		Metadata: d.GetMetadata(),
	}
}

// codeOf is an error's code; Unknown if it has none.
func codeOf(err error) codes.Code {
	var e *Error
	if errors.As(err, &e) {
		return e.Code
	}
	return codes.Unknown
}

// isRetryable says whether the same request can succeed later.
func isRetryable(code codes.Code) bool {
	switch code {
	case codes.Unavailable, codes.ResourceExhausted, codes.Aborted, codes.DeadlineExceeded:
		return true
	}
	return false
}

// endsForNow says whether a stream that ended so is opened again.
func endsForNow(code codes.Code) bool {
	switch code {
	case codes.Internal, codes.Canceled, codes.Unknown:
		return true
	}
	return isRetryable(code)
}

// newPanic is for recover's value, in the deferred function that recovered it.
func newPanic(value any) *PanicError { return &PanicError{Value: value, Stack: debug.Stack()} }

// parseDetail reads a StatusDetail, an error inside a stream that lives on.
func parseDetail(b []byte) (*Error, error) {
	var d pb.StatusDetail
	if err := proto.Unmarshal(b, &d); err != nil {
		return nil, malformed("StatusDetail")
	}
	return fromDetail(&d), nil
}
