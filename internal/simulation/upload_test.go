package simulation

import (
	"bytes"
	"crypto/sha256"
	"encoding/hex"
	"net/http"
	"strconv"
	"time"

	"github.com/pay-theory/streamer/protocol"
)

// upload is a payload that does not fit into a message. A client that spoils it puts
// another document than it announced, or none.
type upload struct {
	announced []byte
	put       []byte // nil if none
	link      *protocol.Upload
	busy      bool // on its way, or waiting to be tried again
	done      bool // there is nothing more to be tried
}

func (u *upload) spoilt() bool { return !bytes.Equal(u.announced, u.put) }

// upload makes up how a client goes about the upload of a want's payload.
func (w *world) upload(wt *want) *upload {
	doc := encode(wt.job)
	u := &upload{announced: doc, put: doc}
	switch w.dice.IntN(10) {
	case 0:
		u.put = nil
	case 1:
		u.put = bytes.Replace(doc, []byte("pp"), []byte("p"), 1) // another size
	case 2:
		u.put = bytes.Replace(doc, []byte("pp"), []byte("pq"), 1) // another hash
	}
	return u
}

// announce asks for a link, and uploads once there is one.
func (c *client) announce(wt *want) {
	u := wt.upload
	switch {
	case u.link == nil || c.w.now().UnixMilli() > u.link.ExpiresAt:
		sum := sha256.Sum256(u.announced)
		payload := encode(map[string]any{"size": len(u.announced), "sha256": hex.EncodeToString(sum[:])})
		c.ask(&pending{verb: protocol.ActionUpload, want: wt}, func(m *protocol.Message) { m.Payload = payload })
	case u.put == nil:
		u.done = true
		c.wake()
	default:
		u.busy = true
		c.w.in(c.w.between(5*time.Millisecond, 200*time.Millisecond), func() { c.put(wt) })
	}
}

// put sends the document to S3, again and again until S3 has said what it thinks of it.
func (c *client) put(wt *want) {
	u := wt.upload
	status, _ := c.w.bucket.fetch(c.name, http.MethodPut, u.link.URL, u.link.Headers, u.put)
	c.w.in(c.w.between(time.Millisecond, 4*time.Second), func() {
		u.busy = false
		u.done = status == http.StatusOK || status == http.StatusBadRequest
		if status == http.StatusForbidden {
			u.link = nil // it has run out
		}
		c.wake()
	})
	if status != http.StatusOK {
		return
	}
	for _, other := range c.w.clients {
		if other.person != c.person && c.w.dice.IntN(2) == 0 {
			c.w.in(c.w.between(0, time.Minute), func() { other.borrow(u.link.PayloadRef) })
		}
	}
}

// fetch gets the result of a request that is too large for a frame, or the file that it
// names.
func (c *client) fetch(id, url string, size int64, sum string) {
	s := c.know(id)
	s.fetching = true
	c.w.in(c.w.between(5*time.Millisecond, time.Second), func() {
		status, doc := c.w.bucket.fetch(c.name, http.MethodGet, url, nil, nil)
		s.fetching = false
		switch status {
		case http.StatusOK:
			found := sha256.Sum256(doc)
			if int64(len(doc)) != size || sum != "" && sum != hex.EncodeToString(found[:]) {
				c.w.violate("%s fetches of %s what is not its result", c.name, short(id))
			}
			if sum != "" {
				c.w.result(c, id, doc)
			}
		case http.StatusForbidden: // the link has run out: subscribing brings a fresh one
			s.ask, s.stale = true, true
			c.w.in(time.Second, c.wake)
		case http.StatusServiceUnavailable:
			c.fetch(id, url, size, sum)
		default:
			c.w.violate("%s fetches the result of %s and is told %s", c.name, short(id), strconv.Itoa(status))
		}
	})
}
