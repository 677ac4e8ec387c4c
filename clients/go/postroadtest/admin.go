package postroadtest

import (
	"context"
	"encoding/base64"
	"strconv"
	"time"

	"google.golang.org/grpc/codes"
	"google.golang.org/protobuf/proto"
	"google.golang.org/protobuf/types/known/durationpb"
	"google.golang.org/protobuf/types/known/timestamppb"

	pb "github.com/postroad/postroad/clients/go/postroadv1"
)

// Version is what GetStats says.
const Version = "postroadtest"

// pageOf cuts a page out of a listing; a token is the place of the next page.
func pageOf[T any](all []T, size uint32, token string) ([]T, string, *failure) {
	if size > 1000 {
		return nil, "", invalid("page_size", "must be 1 to 1,000")
	}
	if size == 0 {
		size = 100
	}
	from := 0
	if token != "" {
		text, err := base64.RawURLEncoding.DecodeString(token)
		if from, _ = strconv.Atoi(string(text)); err != nil || from < 1 {
			return nil, "", invalid("page_token", "is not one of this listing")
		}
	}
	from = min(from, len(all))
	to := min(from+int(size), len(all))
	if to < len(all) {
		return all[from:to], base64.RawURLEncoding.EncodeToString([]byte(strconv.Itoa(to))), nil
	}
	return all[from:to], "", nil
}

func (t *topic) proto() *pb.Topic {
	bytes := 0
	for _, r := range t.records {
		bytes += proto.Size(r.event)
	}
	return &pb.Topic{Name: t.name, FirstOffset: t.first, NextOffset: t.next(), Bytes: uint64(bytes),
		Created: timestamppb.New(t.created),
		Settings: &pb.TopicRuleSettings{Durability: pb.Durability_DURABILITY_MEMORY,
			MaxEventBytes: maxEventBytes, DedupWindow: durationpb.New(10 * time.Minute)}}
}

func (s service) ListTopics(_ context.Context, request *pb.ListTopicsRequest) (*pb.ListTopicsResponse, error) {
	if request.GetPattern() != "" {
		if f := checkName(request.GetPattern(), "pattern", true); f != nil {
			return nil, f
		}
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	page, next, f := pageOf(s.topicNames(request.GetPattern()), request.GetPageSize(), request.GetPageToken())
	if f != nil {
		return nil, f
	}
	response := &pb.ListTopicsResponse{NextPageToken: next}
	for _, name := range page {
		response.Topics = append(response.Topics, s.topics[name].proto())
	}
	return response, nil
}

// ListConnections lists nobody: nobody connects to it but by gRPC.
func (s service) ListConnections(context.Context, *pb.ListConnectionsRequest) (*pb.ListConnectionsResponse, error) {
	return &pb.ListConnectionsResponse{}, nil
}

func (s service) GetTopic(_ context.Context, request *pb.GetTopicRequest) (*pb.Topic, error) {
	if f := checkName(request.GetName(), "name", false); f != nil {
		return nil, f
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	t := s.topics[request.GetName()]
	if t == nil {
		return nil, notFound("TOPIC_NOT_FOUND", "there is no topic of this name")
	}
	return t.proto(), nil
}

func (s service) DeleteTopic(_ context.Context, request *pb.DeleteTopicRequest) (*pb.DeleteTopicResponse, error) {
	if f := checkName(request.GetName(), "name", false); f != nil {
		return nil, f
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	if f := s.deleteTopic(request.GetName()); f != nil {
		return nil, f
	}
	return &pb.DeleteTopicResponse{}, nil
}

// proto says how the subscription stands; floor and end are offsets if it has one topic.
func (sub *subscription) proto() *pb.Subscription {
	p := &pb.Subscription{Name: sub.name, Settings: sub.settings, Created: timestamppb.New(sub.created),
		InFlight: uint64(len(sub.inFlight)), DeadLetters: uint64(len(sub.letters)), AckedTotal: sub.acked}
	p.End = uint64(len(sub.server.feed))
	if sub.single != "" {
		p.End = 0
		if t := sub.server.topics[sub.single]; t != nil {
			p.End = t.next()
		}
	}
	p.Floor = p.End
	if sub.floor < len(sub.entries) {
		p.Floor = sub.entries[sub.floor].record.position
		if sub.single != "" {
			p.Floor = sub.entries[sub.floor].record.offset
		}
	}
	for _, e := range sub.entries[sub.floor:] {
		if e.state == retrying {
			p.Retrying++
		}
	}
	for _, m := range sub.members {
		held := uint64(0)
		for _, e := range sub.inFlight {
			if e.member == m {
				held++
			}
		}
		p.Members = append(p.Members, &pb.Member{ClientId: m.clientID, InFlight: held, Joined: timestamppb.New(m.joined)})
	}
	return p
}

func (s *Server) subscriptionNamed(name, field string) (*subscription, *failure) {
	if f := checkName(name, field, false); f != nil {
		return nil, f
	}
	sub := s.subscriptions[name]
	if sub == nil {
		return nil, notFound("NO_SUBSCRIPTION", "there is no subscription of this name")
	}
	return sub, nil
}

func (s service) CreateSubscription(_ context.Context, request *pb.CreateSubscriptionRequest) (*pb.Subscription, error) {
	if f := checkName(request.GetName(), "name", false); f != nil {
		return nil, f
	}
	if f := checkSettings(request.GetSettings(), "settings."); f != nil {
		return nil, f
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	settings := withDefaults(request.GetSettings())
	sub := s.subscriptions[request.GetName()]
	if sub == nil {
		sub = s.create(request.GetName(), settings)
	} else if !proto.Equal(sub.settings, settings) {
		return nil, &failure{code: codes.AlreadyExists, reason: "OTHER_SETTINGS",
			message: "the subscription is there with other settings"}
	}
	return sub.proto(), nil
}

func (s service) UpdateSubscription(_ context.Context, request *pb.UpdateSubscriptionRequest) (*pb.Subscription, error) {
	if f := checkSettings(request.GetSettings(), "settings."); f != nil {
		return nil, f
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	sub, f := s.subscriptionNamed(request.GetName(), "name")
	if f != nil {
		return nil, f
	}
	settings := withDefaults(request.GetSettings())
	same := &pb.SubscriptionSettings{Topics: settings.GetTopics()}
	if !proto.Equal(same, &pb.SubscriptionSettings{Topics: sub.settings.GetTopics()}) {
		return nil, &failure{code: codes.FailedPrecondition, reason: "TOPICS_FIXED", field: "settings.topics",
			message: "the topics of a subscription cannot be changed"}
	}
	settings.Start, settings.StartTime, settings.StartOffset = sub.settings.Start, sub.settings.StartTime, sub.settings.StartOffset
	sub.settings = settings
	s.broadcast()
	return sub.proto(), nil
}

func (s service) DeleteSubscription(_ context.Context, request *pb.DeleteSubscriptionRequest) (*pb.DeleteSubscriptionResponse, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	sub, f := s.subscriptionNamed(request.GetName(), "name")
	if f != nil {
		return nil, f
	}
	delete(s.subscriptions, sub.name)
	s.broadcast()
	return &pb.DeleteSubscriptionResponse{}, nil
}

func (s service) GetSubscription(_ context.Context, request *pb.GetSubscriptionRequest) (*pb.Subscription, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	sub, f := s.subscriptionNamed(request.GetName(), "name")
	if f != nil {
		return nil, f
	}
	return sub.proto(), nil
}

func (s service) ListSubscriptions(_ context.Context, request *pb.ListSubscriptionsRequest) (*pb.ListSubscriptionsResponse, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	page, next, f := pageOf(s.subscriptionsByName(), request.GetPageSize(), request.GetPageToken())
	if f != nil {
		return nil, f
	}
	response := &pb.ListSubscriptionsResponse{NextPageToken: next}
	for _, sub := range page {
		response.Subscriptions = append(response.Subscriptions, sub.proto())
	}
	return response, nil
}

func (s service) SeekSubscription(_ context.Context, request *pb.SeekSubscriptionRequest) (*pb.Subscription, error) {
	if f := checkTime(request.GetTime(), "time"); f != nil {
		return nil, f
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	sub, f := s.subscriptionNamed(request.GetName(), "name")
	if f != nil {
		return nil, f
	}
	if request.GetStart() == pb.StartPosition_START_POSITION_OFFSET && sub.single == "" {
		return nil, invalid("offset", "needs a single topic")
	}
	sub.begin(request.GetStart(), request.GetTime().AsTime(), request.GetOffset())
	s.broadcast()
	return sub.proto(), nil
}

func (s service) GetStats(context.Context, *pb.GetStatsRequest) (*pb.Stats, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	return &pb.Stats{Version: Version, Epoch: epochText(s.epoch), Topics: uint64(len(s.topics)),
		Subscriptions: uint64(len(s.subscriptions)), FeedNext: uint64(len(s.feed)),
		Started: timestamppb.New(s.started)}, nil
}

func (s service) Backup(context.Context, *pb.BackupRequest) (*pb.BackupResponse, error) {
	return nil, &failure{code: codes.Unimplemented, message: "postroadtest keeps nothing on disk"}
}
