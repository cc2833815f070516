package report

import (
	"bufio"
	"bytes"
	"compress/zlib"
	"encoding/binary"
	"errors"
	"fmt"
	"io"
	"time"
	"unicode/utf16"
)

// The objects of a PDF whose numbers must be known before they are written. The others
// follow: its fonts, then its pages' contents, each before its page.
const (
	catalogObject = iota + 1
	pagesObject
	resourcesObject
	infoObject
	knownObjects = iota
)

// file is a PDF that grows page by page: a page is compressed, written and forgotten,
// and where it stands remains, 24 bytes. The first error ends the writing; close
// returns it. Object and file structure are those of ISO 32000-1, 7.3 and 7.5.
type file struct {
	out     *bufio.Writer
	at      int64
	offsets []int64 // of the objects, by their number less one
	pages   []int   // their objects
	deflate *zlib.Writer
	packed  bytes.Buffer
	err     error
}

// font is one of the 14 that every PDF reader has, under the name that pages use.
type font struct{ name, base string }

// newFile begins a PDF of A4 pages, 1.4 so that everything can read it.
func newFile(w io.Writer, fonts []font) *file {
	f := &file{out: bufio.NewWriterSize(w, 64<<10), deflate: zlib.NewWriter(io.Discard), offsets: make([]int64, knownObjects)}
	f.printf("%%PDF-1.4\n%%\xe2\xe3\xcf\xd3\n")
	var names bytes.Buffer
	for _, font := range fonts {
		id := f.next()
		f.printf("<</Type /Font /Subtype /Type1 /BaseFont /%s /Encoding /WinAnsiEncoding>>\nendobj\n", font.base)
		fmt.Fprintf(&names, "/%s %d 0 R ", font.name, id)
	}
	f.object(resourcesObject)
	f.printf("<</ProcSet [/PDF /Text] /Font <<%s>>>>\nendobj\n", names.Bytes())
	return f
}

// page adds a page that looks as drawn says.
func (f *file) page(drawn []byte) {
	f.packed.Reset()
	f.deflate.Reset(&f.packed)
	_, err := f.deflate.Write(drawn)
	f.fail(errors.Join(err, f.deflate.Close()))
	content := f.next()
	f.printf("<</Filter /FlateDecode /Length %d>>\nstream\n", f.packed.Len())
	f.printf("%s", f.packed.Bytes())
	f.printf("\nendstream\nendobj\n")
	f.pages = append(f.pages, f.next())
	f.printf("<</Type /Page /Parent %d 0 R /Contents %d 0 R>>\nendobj\n", pagesObject, content)
}

// close writes what a PDF ends with.
func (f *file) close(title string, made time.Time) error {
	f.object(pagesObject)
	f.printf("<</Type /Pages /Count %d /MediaBox [0 0 595.28 841.89] /Resources %d 0 R /Kids [", len(f.pages), resourcesObject)
	for _, page := range f.pages {
		f.printf("%d 0 R\n", page)
	}
	f.printf("]>>\nendobj\n")
	f.object(catalogObject)
	f.printf("<</Type /Catalog /Pages %d 0 R /Lang (en) /ViewerPreferences <</DisplayDocTitle true>>>>\nendobj\n", pagesObject)
	utf16be, err := binary.Append(nil, binary.BigEndian, utf16.Encode([]rune(title)))
	f.fail(err)
	f.object(infoObject)
	f.printf("<</Title <FEFF%X> /Creator (Streamer) /Producer (Streamer) /CreationDate (D:%sZ)>>\nendobj\n",
		utf16be, made.UTC().Format("20060102150405"))
	start := f.at
	f.printf("xref\n0 %d\n0000000000 65535 f \n", len(f.offsets)+1)
	for _, at := range f.offsets {
		f.printf("%010d 00000 n \n", at)
	}
	f.printf("trailer\n<</Size %d /Root %d 0 R /Info %d 0 R>>\nstartxref\n%d\n%%%%EOF\n", len(f.offsets)+1, catalogObject, infoObject, start)
	f.fail(f.out.Flush())
	if f.err != nil {
		return fmt.Errorf("write the PDF: %w", f.err)
	}
	return nil
}

// next begins an object under the next free number.
func (f *file) next() int {
	f.offsets = append(f.offsets, 0)
	f.object(len(f.offsets))
	return len(f.offsets)
}

// object begins the object of that number.
func (f *file) object(id int) {
	f.offsets[id-1] = f.at
	f.printf("%d 0 obj\n", id)
}

func (f *file) printf(format string, args ...any) {
	if f.err != nil {
		return
	}
	n, err := fmt.Fprintf(f.out, format, args...)
	f.at += int64(n)
	f.fail(err)
}

func (f *file) fail(err error) {
	if f.err == nil {
		f.err = err
	}
}
