package tracing

import (
	"go.opentelemetry.io/otel/attribute"
	"go.opentelemetry.io/otel/codes"
	"go.opentelemetry.io/otel/trace"
)

// What spans say. The names that do not begin with streamer. are OpenTelemetry's (its
// semantic conventions for messaging, functions and errors).
const (
	Request = attribute.Key("streamer.request_id")
	Tenant  = attribute.Key("streamer.tenant")
	Action  = attribute.Key("streamer.action")
	Attempt = attribute.Key("streamer.attempt")
	Status  = attribute.Key("streamer.status")
	Frame   = attribute.Key("streamer.frame") // the type of the one that answers
	Told    = attribute.Key("streamer.told")  // everyone who watches was

	// Of an attempt: its posts have no spans, which would be the most of every trace.
	Posted    = attribute.Key("streamer.posted")    // progress frames that were taken
	Coalesced = attribute.Key("streamer.coalesced") // reports that a newer one took the place of
	Gone      = attribute.Key("streamer.gone")      // watchers that a post found gone
	Untaken   = attribute.Key("streamer.untaken")   // posts that were throttled, refused or failed

	errorType   = attribute.Key("error.type")
	faasTrigger = attribute.Key("faas.trigger")
	invocationK = attribute.Key("faas.invocation_id")
	system      = attribute.Key("messaging.system")
	operation   = attribute.Key("messaging.operation.type")
	messageID   = attribute.Key("messaging.message.id")
)

// OfMessage says that a span is the answer to a message of a client.
func OfMessage() []attribute.KeyValue {
	return []attribute.KeyValue{faasTrigger.String("http"), attribute.String("network.protocol.name", "websocket")}
}

// OfQueue says what a span does with a message of SQS: send, receive or process. The id is
// the message's, if it has one by then.
func OfQueue(does, id string) []attribute.KeyValue {
	attributes := []attribute.KeyValue{system.String("aws_sqs"), operation.String(does)}
	if id != "" {
		attributes = append(attributes, messageID.String(id))
	}
	return attributes
}

// OfRun says which run of a function a span is of.
func OfRun(invocation string) attribute.KeyValue { return invocationK.String(invocation) }

// Fail says that what a span is of has failed, and with which code.
func Fail(span trace.Span, code string) {
	if span.IsRecording() {
		span.SetAttributes(errorType.String(code))
		span.SetStatus(codes.Error, code)
	}
}
