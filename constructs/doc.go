// Package constructs deploys Streamer with the AWS CDK: a WebSocket API, the
// functions behind it, their tables, queues, bucket, alarms and metrics, as one
// construct.
//
//	streamer := constructs.NewStreamer(stack, "Streamer", &constructs.StreamerProps{
//		Auth:      &constructs.AuthProps{Issuer: "https://id.example.com/", Audiences: []string{"streamer"}},
//		Router:    constructs.FunctionProps{ImportPath: "example.com/app/cmd/router"},
//		Processor: constructs.FunctionProps{ImportPath: "example.com/app/cmd/processor"},
//	})
//	streamer.GrantSubmit(somethingElse)
//
// Nil props are legal: the sample actions, and every connection refused.
//
// # Design
//
// Props are plain Go values whose zero value is the default, and AWS CDK types where
// a user hands in a resource. A bad prop panics, as the CDK itself does, with the
// construct's path, the field and the cure.
//
// Functions are named by import path and compiled when the app is synthesized, in
// the module in which the app runs: so a user's processor is built with the user's
// dependencies, and this package links none of them.
//
// Each function has its own role, and each statement is written out: no managed
// policy, no Grant method that gives more than is used. What stays open has no narrower
// form: X-Ray writes and dynamodb:ListStreams take no resource, connection ids and
// object keys are not known beforehand, and a key of one's own is granted as the CDK
// grants keys.
//
// A worker (WorkerProps) is a group of actions with a processor and a work queue of its
// own. Who does what is one JSON object, which the construct writes and the functions read:
// the dispatcher and the reconciler send a hint to the queue of its request's action, and a
// processor that finds a request of another worker's gives it back, so a deployment may move
// actions while requests wait. A worker whose actions nobody has declared cannot be told at
// synth, where the names are text: the router ends at its first start, with the name in its
// log; a worker's processor that lacks a handler ends the same way. Either fails the
// deployment.
//
// CloudFormation asks each function that has changed whether it works, by a custom resource of
// which the function itself is the provider: one that cannot start gives no answer, and its
// deployment fails. That takes no other function and no grant. API, mappings and schedule
// invoke an alias, which moves to a version that is published after the answer: what does not
// start never gets a message, and until the deployment is taken back, the version before runs.
// The question goes to the function itself and not to the version, since CloudFormation takes
// no other provider for a resource that is there. The answer has a digest of the program and of
// the settings as the deployment came to have them, with which the version is described, and
// another description is another version: so is another value of a parameter, of which the hash
// that the CDK puts in a version's name knows nothing. A version in which nothing is new is
// refused, so the digest leaves out what makes none, such as where the code lay. Versions go
// when no alias leads to them. That what runs then comes to its end, nobody has seen in an account
// (scripts/account asks): if it is cut off, it is tried again, as anything is. Metrics and alarms are of the
// function, whichever version ran.
//
// Audit records are lines in the logs of the functions that do what they tell of. A log group of
// their own would take a call to CloudWatch for each message before its answer, and a record would
// be lost, or the message refused, where that fails; a subscription brings them wherever they are
// to be kept apart.
//
// Nothing has a physical name, so that several Streamers can live in one stack, one
// account and one region.
//
// An idle Streamer is not free: Lambda polls the work queue about half a million times
// a month, each worker's queue as often again, the alarms watch eight metrics and one more
// for each worker, and CloudWatch has a price for dashboards
// beyond the third. A key of one's own has a monthly price too.
//
// cdk-nag's AwsSolutions rules find one thing in a Streamer: AwsSolutions-APIG1, until
// AccessLogs is given. What else they would find is suppressed where it is made, with its
// reason, and narrowed to the finding. One finding cannot be narrowed: a role that may do
// something on all resources, as X-Ray wants it, hides others of that kind in its policy.
//
// In a network, frames still go to the WebSocket API over the internet. AWS has no private
// WebSocket APIs, a VPC endpoint for execute-api leads to private ones alone, and with its
// private DNS it answers posts with 403. So there is no such endpoint here, and isolated
// subnets are warned of.
//
// The execute-api name stays open beside a domain of one's own: DisableExecuteApiEndpoint
// would close @connections with it.
//
// The parts that are useful by themselves are constructs by themselves: NewStorage,
// NewVPCEndpoints, NewGoFunction.
//
// What differs between an account and the local stage is decided in local.go alone.
package constructs
