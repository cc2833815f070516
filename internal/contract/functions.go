package contract

// What the functions are called. A worker's processor has the worker's name.
const (
	FunctionRouter     = "router"
	FunctionDispatcher = "dispatcher"
	FunctionProcessor  = "processor"
	FunctionReconciler = "reconciler"
	FunctionAuthorizer = "authorizer"
)
