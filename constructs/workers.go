package constructs

import (
	"encoding/json"
	"fmt"
	"maps"
	"regexp"
	"slices"
	"strings"

	"github.com/aws/aws-cdk-go/awscdk/v2"
	"github.com/aws/aws-cdk-go/awscdk/v2/awscloudwatch"
	"github.com/aws/aws-cdk-go/awscdk/v2/awslambda"
	"github.com/aws/aws-cdk-go/awscdk/v2/awssqs"
	"github.com/aws/constructs-go/constructs/v10"
	"github.com/aws/jsii-runtime-go"

	"github.com/pay-theory/streamer/functions/handlers"
	"github.com/pay-theory/streamer/internal/contract"
	"github.com/pay-theory/streamer/protocol"
)

// WorkerProps is a group of actions with a processor and a work queue of its own: for
// work that needs more memory, another network or other grants than the rest, or that must
// not wait behind it.
//
// A worker may be added, changed and taken away at any time: a request that waits in
// another queue meanwhile is passed on by the processor that finds it, and one whose queue
// is gone gets a new hint from the reconciler within minutes.
type WorkerProps struct {
	// Name is the worker's, unique in its Streamer: 1 to 32 of a-z, 0-9 and "-", the
	// first a letter, and none of Streamer's own functions or queues. Another name is another
	// queue. Required.
	Name string
	// Actions are the names of the async actions that it does, and that no other worker
	// names: best taken from their declarations, such as actions.Resize.Name, so that the
	// compiler knows them. At least one. The router does not start with a name that it has
	// not declared, the worker's processor not with one that it has no handler for.
	Actions []string
	// Processor is its function. Each field that is left out is that of
	// StreamerProps.Processor; of Environment, each variable.
	Processor FunctionProps
	// MaxConcurrency is as StreamerProps.MaxConcurrency, which is the default.
	MaxConcurrency int
}

// Worker is a worker that was made.
type Worker struct {
	Queue     awssqs.Queue       // hints that a request of its actions waits
	Processor awslambda.Function // does the work; grant it what its handlers use
	Alias     awslambda.Alias    // the processor as it is invoked
	Source    awslambda.EventSourceMapping
	// StartCheck asks the processor whether it works; nil with StreamerProps.UncheckedStart.
	StartCheck awscdk.CustomResource

	scope   constructs.Construct
	actions []string
	workerReference
}

// workerReference is what metrics need to know of a worker, wherever it was made.
type workerReference struct {
	stack     awscdk.Stack // its Streamer's
	queue     awssqs.IQueue
	processor *string // its name in Lambda
}

// maxWorkersBytes bounds the value of contract.EnvWorkers, its URLs not counted, which are
// about 130 bytes each: functions take 4 KB of variables in all ("Lambda quotas"), and
// some are left for users.
const maxWorkersBytes = 1500

// takenNames are what functions and queues of Streamer's own are called, in logs and by
// scripts/inspect.
var takenNames = []string{
	contract.FunctionRouter, contract.FunctionDispatcher, contract.FunctionProcessor, contract.FunctionReconciler, contract.FunctionAuthorizer,
	"work", "undispatched",
}

var workerNamePattern = regexp.MustCompile(`^[a-z][a-z0-9-]{0,31}$`)

func (w WorkerProps) withDefaults(p *StreamerProps) WorkerProps {
	own, rest := &w.Processor, p.Processor
	if own.Code == nil && own.ImportPath == "" {
		own.Code, own.ImportPath = rest.Code, rest.ImportPath
	}
	setDefault(&own.MemoryMB, rest.MemoryMB)
	setDefault(&own.TimeoutSeconds, rest.TimeoutSeconds)
	environment := maps.Clone(rest.Environment)
	if environment == nil {
		environment = map[string]string{}
	}
	maps.Copy(environment, own.Environment)
	own.Environment = environment
	*own = own.inNetworkOf(rest)
	setDefault(&own.Tracing, rest.Tracing)
	if own.Layers == nil {
		own.Layers = rest.Layers
	}
	setDefault(&w.MaxConcurrency, p.MaxConcurrency)
	return w
}

func validateWorkers(workers []WorkerProps) error {
	by, size := map[string]string{}, 0
	names := map[string]bool{}
	for i, w := range workers {
		field := fmt.Sprintf("Workers[%d]", i)
		if !workerNamePattern.MatchString(w.Name) {
			return fmt.Errorf("%s.Name is %q: give 1 to 32 of a-z, 0-9 and -, the first a letter", field, w.Name)
		}
		if slices.Contains(takenNames, w.Name) {
			return fmt.Errorf("%s.Name is %q: that is what one of Streamer's own functions or queues is called, choose another", field, w.Name)
		}
		field += " (" + w.Name + ")"
		if names[w.Name] {
			return fmt.Errorf("%s has the name of another one: give each its own", field)
		}
		names[w.Name] = true
		if len(w.Actions) == 0 {
			return fmt.Errorf("%s.Actions is empty: name the actions that it does", field)
		}
		for _, action := range w.Actions {
			if !protocol.ActionName().MatchString(action) || strings.HasPrefix(action, protocol.ReservedPrefix) {
				return fmt.Errorf("%s.Actions has %q, which is no action's name: take it from the declaration, actions.Resize.Name", field, action)
			}
			if other, taken := by[action]; taken {
				return fmt.Errorf("%s.Actions has %q, which %s has already: name each action once", field, action, other)
			}
			by[action] = field
			size += len(action) + len(`"",`)
		}
		size += len(w.Name) + len(`"":{"actions":[],"queue":""},`)
		if w.MaxConcurrency < minConcurrency || w.MaxConcurrency > maxConcurrency {
			return fmt.Errorf("%s.MaxConcurrency is %d: AWS takes %d to %d", field, w.MaxConcurrency, minConcurrency, maxConcurrency)
		}
		if err := w.Processor.validate(field+".Processor", maxProcessorSeconds); err != nil {
			return err
		}
	}
	if size > maxWorkersBytes {
		return fmt.Errorf("Workers name %d actions in %d bytes: the functions have room for %d; leave those to Processor that need nothing of their own", len(by), size, maxWorkersBytes)
	}
	return nil
}

// addWorkerQueue begins a worker: its queue comes before the functions that send to it.
func (s *StreamerConstruct) addWorkerQueue(p *StreamerProps, w WorkerProps) {
	all := s.Node().TryFindChild(jsii.String("Workers"))
	if all == nil {
		all = constructs.NewConstruct(s, jsii.String("Workers"))
	}
	scope := constructs.NewConstruct(all.(constructs.Construct), jsii.String(w.Name))
	worker := &Worker{Queue: s.newWorkQueue(scope, p, w.Processor), scope: scope, actions: w.Actions}
	worker.stack, worker.queue = s.stack, worker.Queue
	s.Workers[w.Name] = worker
}

func (s *StreamerConstruct) addWorkerProcessor(p *StreamerProps, w WorkerProps) {
	worker := s.Workers[w.Name]
	worker.Processor = s.newProcessor(worker.scope, p, processor{
		description: "Streamer: does the work of " + w.Name,
		props:       w.Processor,
		queue:       worker.Queue,
		environment: s.withWorkers(map[string]*string{contract.EnvWorker: jsii.String(w.Name)}),
		reports:     w.reports(),
	})
	worker.processor = worker.Processor.FunctionName()
}

// reports tells whether the sample report is the worker's.
func (w WorkerProps) reports() bool { return slices.Contains(w.Actions, handlers.GenerateReport.Name) }

// workersConfig is the value of contract.EnvWorkers, nil without workers.
func (s *StreamerConstruct) workersConfig() *string {
	if len(s.Workers) == 0 {
		return nil
	}
	config := map[string]contract.Worker{}
	for name, worker := range s.Workers {
		config[name] = contract.Worker{Actions: worker.actions, Queue: *worker.Queue.QueueUrl()}
	}
	out, err := json.Marshal(config)
	if err != nil {
		panic(err) // strings alone
	}
	return jsii.String(string(out))
}

// withWorkers adds contract.EnvWorkers to a function's variables.
func (s *StreamerConstruct) withWorkers(environment map[string]*string) map[string]*string {
	if config := s.workersConfig(); config != nil {
		environment[contract.EnvWorkers] = config
	}
	return environment
}

// MetricQueueDepth is the number of hints that wait for the worker.
func (w *workerReference) MetricQueueDepth(options *awscloudwatch.MetricOptions) awscloudwatch.Metric {
	return waiting(w.queue, options)
}

// MetricQueueAge is the age of its oldest hint in seconds, those under work included.
func (w *workerReference) MetricQueueAge(options *awscloudwatch.MetricOptions) awscloudwatch.Metric {
	return oldest(w.queue, options)
}

// MetricInWork is the number of its hints under work: its processor's concurrency.
func (w *workerReference) MetricInWork(options *awscloudwatch.MetricOptions) awscloudwatch.Metric {
	return inWork(w.queue, options)
}

// MetricErrors is the number of its processor's runs that failed.
func (w *workerReference) MetricErrors(options *awscloudwatch.MetricOptions) awscloudwatch.Metric {
	return ofFunction(w.stack, w.processor, "Errors", awscloudwatch.Stats_SUM(), options)
}
