// Command stage brings up a local stage: MiniStack (an emulator of AWS, no account
// and no Docker) with a CDK app deployed to it by the real CDK CLI, behind one front.
// It needs Go, Node.js with npm, and Python 3.10 or later with venv, and works in the
// directory of any module:
//
//	go tool stage up --app 'go run .' --stack Hers
//
// once it is a tool of that module: go get -tool github.com/pay-theory/streamer/scripts/stage.
//
// # Commands
//
//	up   [--app CMD] [--stack NAME] [-c KEY=VALUE]... [-- CDK ARGS...]
//
// installs what is missing, starts the stage and deploys. If a stage is up, it only
// deploys what changed, and addresses stay: so it is also what shows a change of a handler,
// in about ten seconds. (Hotswap, by -- --hotswap, saves nothing here, where CloudFormation
// takes a fraction of a second, and leaves a drift behind.) Without --app the app is what cdk.json names; without
// --stack all its stacks are deployed. The app finds the stage in the CDK context
// "streamer:local".
//
//	run  [the flags of up] -- CMD ARGS...
//
// brings the stage up, runs CMD with the variables of env in its environment, takes the
// stage down whatever happened, and exits with CMD's code. A stage that was up before
// stays up; so does a new one with KEEP=1 in the environment.
//
//	down                                      takes the stage down, waits until it is gone
//	env                                       prints export lines for a shell
//	token --tenant T --subject S [--ttl 1h]   prints a token that the stage accepts
//	jwks                                      prints the keys that tokens are checked with
//	logs [-f] [FUNCTION]                      prints what the functions logged
//
// Several stages of different directories run side by side.
//
// # Tokens
//
// A token is a JWT signed with ES256; iss is "https://stage.streamer.local", aud
// "streamer", and it has sub, tenant, iat, exp, and the key's RFC 7638 thumbprint as
// kid. Whoever wants other tokens signs them with the key in STREAMER_TOKEN_KEY. The
// stage publishes that key as an issuer does, at $AWS_ENDPOINT_URL/_front/jwks; a set that
// is PUT there takes its place, to see keys rotate.
//
// # Metrics and alarms
//
// The runs of functions, their errors, throttles and durations become metrics, as in AWS;
// what functions log, and how long queues are, becomes some by scripts/dashboard. An alarm
// goes by the metric of its own dimensions, and is looked at whenever somebody puts a metric.
// Those of our own app tell the queue Heard, through a topic.
//
// # Faults and limits
//
// The front has API Gateway's limits on WebSockets, and the messages of one connection run
// at once, as there: answers come in any order. A message over the rate, or one whose
// function fails, is answered with API Gateway's own {"message", "connectionId",
// "requestId"}. The front makes faults that tests ask for, too:
//
//	PUT $AWS_ENDPOINT_URL/_front/faults/mine
//	[{"operation": "dynamodb.UpdateItem", "contains": ["#owner"], "count": 1, "fault": "kill", "when": "after"}]
//
// kills the next processor that claims a request, when the claim is made and before its
// answer comes. Package front has all rules and limits. Killing and stopping the process
// that makes a call needs Linux; elsewhere such a rule is refused.
//
// # Files
//
// All is in .stage: the venv and the CDK CLI, made once for the pinned versions;
// token.pem, the key (PKCS #8); logs; and while a stage is up, outputs.json as cdk
// deploy wrote it, env, and state.json.
//
// # Design
//
// A daemon owns MiniStack and serves the front; the CDK CLI and the command of run
// belong to the process that a person started. Whatever starts something holds the only
// write end of a pipe that the other side reads. When the holder is gone, however it
// ended, the pipe ends, and so does what it held: a guard kills its process group, and a
// daemon whose starter has not let go of it (see tie) stops. That needs neither
// process ids that may be taken over nor anything only one system has. In the same way a
// stage is up as long as somebody holds the lock on daemon.lock.
//
// MiniStack has nothing to save, so stopping is killing.
//
// The front is the endpoint that functions, the CDK and clients are given, so nothing
// goes past it; see package front.
package main
