package postroad

// Trace context, carried through events.

import (
	"context"

	"go.opentelemetry.io/otel/propagation"
)

// traceHeader is where W3C Trace Context is carried through an event.
const traceHeader = "traceparent"

// trace is the traceparent of ctx's span; empty without WithOpenTelemetry or span.
func (c *Client) trace(ctx context.Context) string {
	if !c.opts.tracing {
		return ""
	}
	carrier := propagation.MapCarrier{}
	propagation.TraceContext{}.Inject(ctx, carrier)
	return carrier[traceHeader]
}

// traced is ctx with an event's span as remote parent.
func (c *Client) traced(ctx context.Context, headers map[string]string) context.Context {
	if !c.opts.tracing || headers[traceHeader] == "" {
		return ctx
	}
	return propagation.TraceContext{}.Extract(ctx, propagation.MapCarrier(headers))
}
