package contract

// The default clocks, in milliseconds; EnvClocks says what each is.
const (
	DefaultLeaseMS      = 30_000
	DefaultVisibilityMS = 60_000
	DefaultPulseMS      = 2_000
	DefaultPulseIdleMS  = 10_000
	DefaultProgressMS   = 250
)
