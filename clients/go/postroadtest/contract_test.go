// The contract: what a server of the API does, seen over gRPC alone. It runs on the fake and on the
// real server, so that the fake cannot tell users' tests something else than the real one would.
package postroadtest_test

import (
	"context"
	"fmt"
	"strings"
	"testing"

	"google.golang.org/genproto/googleapis/rpc/errdetails"
	"google.golang.org/grpc"
	"google.golang.org/grpc/codes"
	"google.golang.org/grpc/credentials/insecure"
	"google.golang.org/grpc/status"

	"github.com/postroad/postroad/clients/go/internal/harness"
	"github.com/postroad/postroad/clients/go/postroadtest"
	pb "github.com/postroad/postroad/clients/go/postroadv1"
)

// server is one that the contract is run on.
type server struct {
	t     *testing.T
	ctx   context.Context
	main  pb.PostroadClient
	admin pb.AdminClient
}

func dial(t *testing.T, address string) *server {
	t.Helper()
	connection, err := grpc.NewClient(address, grpc.WithTransportCredentials(insecure.NewCredentials()))
	if err != nil {
		t.Fatal(err)
	}
	ctx, cancel := context.WithTimeout(context.Background(), harness.Patience)
	t.Cleanup(func() { cancel(); _ = connection.Close() })
	return &server{t: t, ctx: ctx, main: pb.NewPostroadClient(connection), admin: pb.NewAdminClient(connection)}
}

// contract runs one of its tests on both.
func contract(t *testing.T, test func(t *testing.T, s *server)) {
	t.Run("fake", func(t *testing.T) {
		t.Parallel()
		test(t, dial(t, postroadtest.New(t).Address()))
	})
	t.Run("real", func(t *testing.T) {
		t.Parallel()
		test(t, dial(t, harness.StartServer(t).GRPC()))
	})
}

func equal[T any](t *testing.T, what string, got, want T) {
	t.Helper()
	if fmt.Sprint(got) != fmt.Sprint(want) {
		t.Errorf("%s: got %v, want %v", what, got, want)
	}
}

// text puts blanks between values.
func text(values ...any) string { return strings.TrimSuffix(fmt.Sprintln(values...), "\n") }

func batch(topic string, ids ...string) *pb.PostRequest {
	request := &pb.PostRequest{}
	for _, id := range ids {
		request.Events = append(request.Events, &pb.Event{Topic: topic, Id: id, Payload: []byte(id)})
	}
	return request
}

func (s *server) post(request *pb.PostRequest) *pb.PostResponse {
	s.t.Helper()
	response, err := s.main.Post(s.ctx, request)
	s.must(err)
	return response
}

func (s *server) must(err error) {
	s.t.Helper()
	if err != nil {
		s.t.Fatal(err)
	}
}

// failed compares an error with code, reason and field; an empty reason or field is any.
func (s *server) failed(what string, err error, code codes.Code, reason, field string) {
	s.t.Helper()
	got := status.Convert(err)
	var gotReason, gotField, domain string
	for _, detail := range got.Details() {
		switch d := detail.(type) {
		case *errdetails.ErrorInfo:
			gotReason, domain = d.GetReason(), d.GetDomain()
		case *errdetails.BadRequest:
			gotField = d.GetFieldViolations()[0].GetField()
		}
	}
	if got.Code() != code || gotReason == "" || domain != "postroad" ||
		(reason != "" && gotReason != reason) || (field != "" && gotField != field) {
		s.t.Errorf("%s: got %v %s of %q at %q (%s), want %v %s at %q", what,
			got.Code(), gotReason, domain, gotField, got.Message(), code, reason, field)
	}
}

func (s *server) info(name string) *pb.Subscription {
	s.t.Helper()
	info, err := s.admin.GetSubscription(s.ctx, &pb.GetSubscriptionRequest{Name: name})
	s.must(err)
	return info
}

func (s *server) eventually(what string, holds func() bool) {
	s.t.Helper()
	harness.Eventually(s.t, what, holds)
}
