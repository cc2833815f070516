package lifecycle

// SeqSpan is how many frames one claim can number.
const SeqSpan = 1_000_000

// Seq is the number of the nth frame under a fence. Numbers of a later fence are above
// all those of an earlier one, whoever counted them, so a client that drops what is not
// above its last is never fooled by a worker that was given up. n is counted in the
// process and stays below SeqSpan: frames are among the marked ones, or so far apart that
// the numbers last (package progress).
func Seq(fence int64, n int) int64 { return fence*SeqSpan + int64(n) }
