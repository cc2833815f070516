package front

import (
	"bufio"
	"encoding/binary"
	"net"
	"net/http"
	"sync/atomic"
)

// frameMeter is a client's connection that notes how large its frames are. The WebSocket
// library joins frames to messages, so they are measured here, as the bytes come by: a
// frame's header tells its length (RFC 6455, section 5.2).
type frameMeter struct {
	net.Conn
	largest atomic.Uint64 // payload of the largest data frame that began

	header []byte // of the frame that begins, as far as it is here
	body   uint64 // bytes of the frame's payload still to come
}

// Read implements io.Reader.
func (m *frameMeter) Read(p []byte) (int, error) {
	n, err := m.Conn.Read(p)
	m.measure(p[:n])
	return n, err
}

func (m *frameMeter) measure(p []byte) {
	for len(p) > 0 {
		if m.body > 0 {
			n := min(m.body, uint64(len(p)))
			m.body -= n
			p = p[n:]
			continue
		}
		m.header, p = append(m.header, p[0]), p[1:]
		length, whole := frameLength(m.header)
		if !whole {
			continue
		}
		if control := m.header[0]&0x8 != 0; !control && length > m.largest.Load() {
			m.largest.Store(length)
		}
		m.header, m.body = m.header[:0], length
	}
}

// frameLength reads the length of a frame's payload from its header, once that is whole.
func frameLength(h []byte) (length uint64, whole bool) {
	if len(h) < 2 {
		return 0, false
	}
	size := 2
	length = uint64(h[1] & 0x7f)
	switch length {
	case 126:
		size += 2
	case 127:
		size += 8
	}
	mask := 0
	if h[1]&0x80 != 0 {
		mask = 4
	}
	if len(h) < size+mask {
		return 0, false
	}
	switch length {
	case 126:
		length = uint64(binary.BigEndian.Uint16(h[2:]))
	case 127:
		length = binary.BigEndian.Uint64(h[2:])
	}
	return length, true
}

// metered makes the connection that is taken over from w measure its frames.
type metered struct {
	http.ResponseWriter
	meter *frameMeter
}

// Hijack implements http.Hijacker.
func (m *metered) Hijack() (net.Conn, *bufio.ReadWriter, error) {
	conn, rw, err := http.NewResponseController(m.ResponseWriter).Hijack()
	if err != nil {
		return nil, nil, err
	}
	early, _ := rw.Reader.Peek(rw.Reader.Buffered()) // that are there are there
	m.meter = &frameMeter{Conn: conn}
	m.meter.measure(early)
	return m.meter, rw, nil
}
