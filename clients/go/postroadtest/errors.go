package postroadtest

import (
	"google.golang.org/genproto/googleapis/rpc/errdetails"
	"google.golang.org/grpc/codes"
	"google.golang.org/grpc/status"
	"google.golang.org/protobuf/protoadapt"

	pb "github.com/postroad/postroad/clients/go/postroadv1"
)

// failure is an error as the server gives it.
type failure struct {
	code    codes.Code
	reason  string // the code's name if empty
	field   string
	message string
}

func (f *failure) Error() string { return f.message }

// codeNames are the codes as the server spells them in reasons.
var codeNames = map[codes.Code]string{
	codes.InvalidArgument: "INVALID_ARGUMENT", codes.NotFound: "NOT_FOUND",
	codes.AlreadyExists: "ALREADY_EXISTS", codes.ResourceExhausted: "RESOURCE_EXHAUSTED",
	codes.FailedPrecondition: "FAILED_PRECONDITION", codes.Aborted: "ABORTED",
	codes.OutOfRange: "OUT_OF_RANGE", codes.Unavailable: "UNAVAILABLE", codes.Internal: "INTERNAL",
	codes.Unimplemented: "UNIMPLEMENTED", codes.DeadlineExceeded: "DEADLINE_EXCEEDED",
}

func (f *failure) why() string {
	if f.reason != "" {
		return f.reason
	}
	return codeNames[f.code]
}

// GRPCStatus makes it what gRPC sends.
func (f *failure) GRPCStatus() *status.Status {
	details := []protoadapt.MessageV1{&errdetails.ErrorInfo{Reason: f.why(), Domain: "postroad"}}
	if f.field != "" {
		details = append(details, &errdetails.BadRequest{
			FieldViolations: []*errdetails.BadRequest_FieldViolation{{Field: f.field, Description: f.message}},
		})
	}
	s := status.New(f.code, f.message)
	if with, err := s.WithDetails(details...); err == nil {
		return with
	}
	return s
}

// detail is the error inside a stream that lives on.
func (f *failure) detail() *pb.StatusDetail {
	return &pb.StatusDetail{Code: int32(f.code), Message: f.message, Reason: f.why(), Field: f.field}
}

func invalid(field, message string) *failure {
	return &failure{code: codes.InvalidArgument, field: field, message: message}
}

func invalidAs(reason, field, message string) *failure {
	return &failure{code: codes.InvalidArgument, reason: reason, field: field, message: message}
}

func notFound(reason, message string) *failure {
	return &failure{code: codes.NotFound, reason: reason, message: message}
}

var (
	errDraining = &failure{code: codes.Unavailable, reason: "DRAINING", message: "the server goes down"}
	errReplaced = &failure{code: codes.Aborted, reason: "REPLACED", message: "a newer one of the same client_id took over"}
	errDeleted  = &failure{code: codes.Aborted, reason: "TOPIC_DELETED", message: "the topic was deleted"}
)
