package tracing

import (
	"go.opentelemetry.io/otel/attribute"
	"go.opentelemetry.io/otel/codes"
	"go.opentelemetry.io/otel/trace"
)

// Own begins the names of the attributes that are Streamer's own.
const Own = "streamer."

// What spans say. The names without Own are OpenTelemetry's (its semantic conventions
// for messaging, databases, functions and errors).
const (
	Request  = attribute.Key(Own + "request_id")
	Tenant   = attribute.Key(Own + "tenant")
	Action   = attribute.Key(Own + "action")
	Attempt  = attribute.Key(Own + "attempt")
	Status   = attribute.Key(Own + "status")
	Frame    = attribute.Key(Own + "frame")    // the type of the one that answers
	Posted   = attribute.Key(Own + "posted")   // progress frames that were taken
	Told     = attribute.Key(Own + "told")     // everyone who watches was
	Watchers = attribute.Key(Own + "watchers") // how many there are

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
