package lifecycle

// seqSpan is how many frames one claim can number.
const seqSpan = 1_000_000

// Seq is the number of the nth frame under a fence. Numbers of a later fence are above
// all those of an earlier one, whoever counted them, so a client that drops what is not
// above its last is never fooled by a worker that was given up. n is counted in the
// process and stays below seqSpan: frames are at least a posting interval apart, or
// among the marked ones.
func Seq(fence int64, n int) int64 { return fence*seqSpan + int64(n) }
