// Package demo tests the demo as a whole: that it runs on a stage, and that its recording
// is one of it.
package demo

import (
	"bufio"
	"encoding/json"
	"image/png"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"testing"
)

// TestDemo runs the demo against the stage and compares it with the recording: the same
// steps, with the same things happening in each, in the same order.
func TestDemo(t *testing.T) {
	if os.Getenv("AWS_ENDPOINT_URL") == "" {
		if os.Getenv("CI") != "" {
			t.Fatal("there is no local stage: AWS_ENDPOINT_URL is not set")
		}
		t.Skip("needs a local stage: AWS_ENDPOINT_URL is not set")
	}
	cmd := exec.Command("scripts/demo/demo.sh")
	cmd.Dir = "../.."
	out, err := cmd.CombinedOutput()
	if err != nil {
		t.Fatalf("%v\n%s", err, out)
	}
	pages := regexp.MustCompile(`generate_report: .* (\d+) pages`).FindStringSubmatch(string(out))
	if pages == nil {
		t.Fatalf("the report's pages are not told:\n%s", out)
	}
	for _, page := range []string{"1", "2", pages[1]} {
		looksPrinted(t, page)
	}
	today, recorded := marks(string(out)), marks(recording(t))
	if !slices.Equal(today, recorded) {
		t.Errorf("today's run and the recording differ: make record\ntoday:\n  %s\nrecorded:\n  %s",
			strings.Join(today, "\n  "), strings.Join(recorded, "\n  "))
	}
	t.Logf("%d marks", len(today))
	if len(today) < 15 {
		t.Errorf("only %d marks: %q", len(today), today)
	}
}

// looksPrinted draws a page of the report and checks that there is ink on it, and paper.
func looksPrinted(t *testing.T, page string) {
	t.Helper()
	target := filepath.Join(t.TempDir(), "page.png")
	draw := exec.Command("../../.stage/record/bin/python", "picture.py", "../../demo-out/report.pdf", page, target)
	if out, err := draw.CombinedOutput(); err != nil {
		t.Fatalf("draw page %s (make .stage/record installs what draws): %v\n%s", page, err, out)
	}
	file, err := os.Open(target)
	if err != nil {
		t.Fatal(err)
	}
	defer file.Close()
	picture, err := png.Decode(file)
	if err != nil {
		t.Fatal(err)
	}
	size, ink := picture.Bounds(), 0
	for y := size.Min.Y; y < size.Max.Y; y++ {
		for x := size.Min.X; x < size.Max.X; x++ {
			if r, g, b, _ := picture.At(x, y).RGBA(); r+g+b < 3*0xB000 {
				ink++
			}
		}
	}
	if share := float64(ink) / float64(size.Dx()*size.Dy()); share < 0.002 || share > 0.4 {
		t.Errorf("page %s: %.2f %% of it is ink", page, 100*share)
	}
}

// What is compared: the headings of the steps, what each request came to, the file, and
// the dashboard's widgets.
var mark = regexp.MustCompile(`^\d  .*|^✓ \w+(?: \d)?|^\{"hello":.*|^saved \S+|^demo data|^  [A-Z][a-z ,?]+ {2}|^Next`)

// marks are found line by line. A request is done once, however often its line is drawn;
// requests that run at once are done in any order.
func marks(text string) []string {
	var out []string
	step := 0 // where the step's own marks begin
	for line := range strings.SplitSeq(text, "\n") {
		m := strings.TrimSpace(mark.FindString(line))
		if m == "" {
			continue
		}
		m = regexp.MustCompile(`\d{4}-\d\d-\d\d`).ReplaceAllString(m, "DATE")
		if slices.Contains(out[step:], m) {
			continue
		}
		out = append(out, m)
		if m[0] >= '0' && m[0] <= '9' {
			step = len(out)
		}
		if strings.HasPrefix(m, "✓") {
			slices.Sort(out[step:])
		}
	}
	return out
}

var escapes = regexp.MustCompile("\x1b\\[[0-9;?]*[A-Za-z]")

// recording is what the asciicast shows, without the terminal's escapes.
func recording(t *testing.T) string {
	t.Helper()
	file, err := os.Open("demo.cast")
	if err != nil {
		t.Fatal(err)
	}
	defer file.Close()
	var text strings.Builder
	lines := bufio.NewScanner(file)
	lines.Buffer(nil, 1<<20)
	for lines.Scan() {
		var event []any
		if json.Unmarshal(lines.Bytes(), &event) != nil || len(event) != 3 {
			continue // the header
		}
		text.WriteString(event[2].(string))
	}
	if err := lines.Err(); err != nil {
		t.Fatal(err)
	}
	return strings.ReplaceAll(escapes.ReplaceAllString(text.String(), ""), "\r", "\n")
}
