// Package protocol defines what travels on the WebSocket: the messages that a
// client sends, the frames that it receives, their codes and their limits. Nothing
// else in the module defines a frame. Both SDKs and the functions read the golden
// frames in testdata.
//
// # Design
//
// A client that knows only this works: it sends
//
//	{"action":"generate_report","payload":{"start_date":"2024-01-01","end_date":"2024-01-31"}}
//
// and receives [Progress] frames, then one [Complete]:
//
//	{"type":"progress","request_id":"…","percentage":30,"message":"Querying data..."}
//	{"type":"complete","request_id":"…","result":{"url":"…","size":1,"pages":1}}
//
// Everything else is additive: a client ignores fields and types that it does not
// know, empty messages, and API Gateway's own error frames. The server is strict in
// the other direction: it refuses a message that it does not fully understand, with
// an [Error] frame that says what to do, and keeps the connection.
//
// Frames of one request are ordered by seq. A client drops a frame whose seq is not
// above the last that it took for that request, which makes doubled, late and
// reordered frames harmless. Progress is newest-wins: it may be skipped, it is never
// replayed. The three terminal frames are delivered at least once to every watcher.
//
// What a user has asked for is listed newest first, page by page:
//
//	{"action":"streamer.list","payload":{"status":"open","limit":20}}
//	{"type":"requests","requests":[{"request_id":"…","action":"import","status":"PROCESSING",…}],"next":"…"}
//
// The next of a page is the page of the next message. A page is what fits into a frame, so
// it may be short; only one without a next is the last.
//
// A payload that does not fit into a message goes around it. The client announces it,
//
//	{"action":"streamer.upload","id":"m1","payload":{"size":1048576,"sha256":"9f86…","content_type":"application/json"}}
//
// gets an [Upload] frame with a link, PUTs the document there with the frame's headers,
// and sends its payload_ref where the payload would stand:
//
//	{"action":"import","payload_ref":"01J8….1048576.9f86…"}
//
// The document is then checked as if it stood in the message, so a request by reference
// is the same as one by value, for its idempotency key too. A reference is its own user's
// alone: anyone else's is answered as one that is not there.
//
// # Documents
//
// schema.json and asyncapi.json say all of this to programs, and the TypeScript SDK's types
// to its users: make protocol writes them from this package. testdata/released/schema.json
// is that of the last release, copied when there is one. A change that would break a client
// of it, which sends what it sent and takes what it took, fails make verify.
package protocol
