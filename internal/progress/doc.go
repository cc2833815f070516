// Package progress carries what a handler reports to those who watch: it decides which
// frame goes to whom and when, and keeps the row's pulse.
//
// # Design
//
// Tracker decides and never waits: it is driven by now and by what became of the last
// step, so a simulation can drive it as well as Session does, which adds the goroutines.
//
// Each watcher has a lane of its own. What is certain to go out (the first report, the
// marked steps, the terminal frame) is kept in one list, and a lane remembers how far it
// got; everything else is newest-wins. Of each lane one post is under way at most, and
// nobody waits for another's. So a lane that is throttled for a while, or whose client does
// not read, misses no mark, holds up nobody else, and goes on with the newest report and not
// with a backlog.
package progress
