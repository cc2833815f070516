package constructs

import (
	"maps"
	"slices"

	"github.com/aws/aws-cdk-go/awscdk/v2/awsiam"
	"github.com/aws/aws-cdk-go/awscdk/v2/awssqs"
	"github.com/aws/jsii-runtime-go"
	"github.com/pay-theory/streamer/internal/contract"
)

// GrantSubmit lets grantee store requests as the router does, large payloads included:
// package backend. It is then trusted to say whose they are.
func (r *reference) GrantSubmit(grantee awsiam.IGrantable) awsiam.Grant {
	return r.grant(grantee, r.useKeys,
		allow(r.requests.TableArn(), "dynamodb:PutItem"),
		allow(r.everyFile(), "s3:PutObject"),
	)
}

// GrantRead lets grantee read every request, its payload and its result, and list the
// requests of a user, or of a tenant and day.
func (r *reference) GrantRead(grantee awsiam.IGrantable) awsiam.Grant {
	return r.grant(grantee, r.readWithKeys,
		allow(r.requests.TableArn(), "dynamodb:GetItem", "dynamodb:BatchGetItem"),
		allow(r.requestsIndex(contract.IndexByTenant), "dynamodb:Query"),
		allow(r.requestsIndex(contract.IndexByUser), "dynamodb:Query"),
		allow(r.everyFile(), "s3:GetObject"),
	)
}

// GrantCancel lets grantee cancel requests: package backend, which is then trusted to say
// for whom.
func (r *reference) GrantCancel(grantee awsiam.IGrantable) awsiam.Grant {
	return r.grant(grantee, r.useKeys, allow(r.requests.TableArn(), "dynamodb:GetItem", "dynamodb:UpdateItem"))
}

// GrantReport lets grantee do what a processor does with a request: claim it, read its
// payload, store progress, checkpoints and the result, and post frames to its watchers. It
// is for compute that a handler hands its requests over to, with package remote; the work
// queue is not in it.
func (r *reference) GrantReport(grantee awsiam.IGrantable) awsiam.Grant {
	return r.grant(grantee, r.useKeys, allowed(contract.ReportingMay, r.things())...)
}

// GrantManageConnections lets grantee post to each connection of this stage, look at it, and
// close it.
func (r *reference) GrantManageConnections(grantee awsiam.IGrantable) awsiam.Grant {
	return r.grant(grantee, nil,
		allow(r.everyConnection("POST"), "execute-api:ManageConnections"),
		allow(r.everyConnection("GET"), "execute-api:ManageConnections"),
		allow(r.everyConnection("DELETE"), "execute-api:ManageConnections"),
	)
}

// GrantConnect lets grantee connect, where Auth.IAM is set.
func (r *reference) GrantConnect(grantee awsiam.IGrantable) awsiam.Grant {
	return r.grant(grantee, nil, allow(r.route("$connect"), "execute-api:Invoke"))
}

// GrantReadRequests lets grantee list the requests of a tenant and day: what the
// sample report is made from. A processor with handlers of its own has it only if you
// call this.
func (r *reference) GrantReadRequests(grantee awsiam.IGrantable) awsiam.Grant {
	return r.grant(grantee, r.readWithKeys, allow(r.requestsIndex(contract.IndexByTenant), "dynamodb:Query"))
}

// grant adds statements to the policy of grantee, and what keys says it may do with the keys.
func (r *reference) grant(grantee awsiam.IGrantable, keys func(awsiam.IGrantable) []awsiam.Grant, permissions ...permission) awsiam.Grant {
	var grants []awsiam.Grant
	for _, p := range permissions {
		grants = append(grants, awsiam.Grant_AddToPrincipal(&awsiam.GrantOnPrincipalOptions{
			Grantee: grantee, Actions: jsii.Strings(p.actions...), ResourceArns: &[]*string{p.resource},
		}))
	}
	if keys != nil {
		grants = append(grants, keys(grantee)...)
	}
	all := grants[0]
	for _, next := range grants[1:] {
		all = all.Combine(next)
	}
	return all
}

// useKeys lets grantee read and write what the keys encrypt.
func (r *reference) useKeys(grantee awsiam.IGrantable) []awsiam.Grant {
	var grants []awsiam.Grant
	for _, key := range r.keys {
		grants = append(grants, key.GrantEncryptDecrypt(grantee))
	}
	return grants
}

// readWithKeys lets grantee read it.
func (r *reference) readWithKeys(grantee awsiam.IGrantable) []awsiam.Grant {
	var grants []awsiam.Grant
	for _, key := range r.keys {
		grants = append(grants, key.GrantDecrypt(grantee))
	}
	return grants
}

// permission is what a statement allows on one resource.
type permission struct {
	resource *string
	actions  []string
}

func allow(resource *string, actions ...string) permission {
	return permission{resource, actions}
}

func (p permission) statement() awsiam.PolicyStatement {
	return awsiam.NewPolicyStatement(&awsiam.PolicyStatementProps{
		Actions:   jsii.Strings(p.actions...),
		Resources: &[]*string{p.resource},
	})
}

// allowed are permissions on what the things are here.
func allowed(permissions []contract.Permission, things map[contract.Thing][]*string) (all []permission) {
	for _, p := range permissions {
		for _, resource := range things[p.On] {
			all = append(all, allow(resource, p.Actions...))
		}
	}
	return all
}

// things are the ARNs of those that others may be granted.
func (r *reference) things() map[contract.Thing][]*string {
	return map[contract.Thing][]*string{
		contract.OnConnections:    {r.connections.TableArn()},
		contract.OnRequests:       {r.requests.TableArn()},
		contract.OnRequestsByUser: {r.requestsIndex(contract.IndexByUser)},
		contract.OnOpenRequests:   {r.requestsIndex(contract.IndexOpen)},
		contract.OnFiles:          {r.everyFile()},
		contract.OnPosts:          {r.everyConnection("POST")},
		contract.OnCloses:         {r.everyConnection("DELETE")},
	}
}

// allowed are permissions of a function of this Streamer, which may have a queue of its own.
func (s *StreamerConstruct) allowed(permissions []contract.Permission, own awssqs.IQueue) (all []permission) {
	things := s.things()
	things[contract.OnRequestsStream] = []*string{s.Requests.TableStreamArn()}
	things[contract.OnAnything] = []*string{jsii.String("*")}
	things[contract.OnUndispatched] = []*string{s.Undispatched.QueueArn()}
	things[contract.OnWorkQueues] = []*string{s.WorkQueue.QueueArn()}
	for _, name := range slices.Sorted(maps.Keys(s.Workers)) {
		things[contract.OnWorkQueues] = append(things[contract.OnWorkQueues], s.Workers[name].Queue.QueueArn())
	}
	if own != nil {
		things[contract.OnOwnQueue] = []*string{own.QueueArn()}
	}
	for _, p := range permissions {
		if p.On == contract.OnWorkQueues {
			p.Actions = s.local.hinting(p.Actions)
		}
		all = append(all, allowed([]contract.Permission{p}, things)...)
	}
	return all
}

// requestsIndex is the ARN of an index of the requests table.
func (r *reference) requestsIndex(name string) *string {
	return jsii.String(*r.requests.TableArn() + "/index/" + name)
}

// everyFile is the ARN of what Streamer keeps in the bucket.
func (r *reference) everyFile() *string {
	return r.files.ArnForObjects(jsii.String(contract.FilesPrefix + "*"))
}

// everyConnection is the ARN of a verb on any connection of this stage, and of no other.
func (r *reference) everyConnection(verb string) *string {
	return r.route(verb + "/@connections/*")
}
