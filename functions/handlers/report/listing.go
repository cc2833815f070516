package report

// listed are the table's columns in the PDF; their widths add up to width. Ids are in
// a face whose letters are all as wide, so that none is ever cut.
var listed = []struct {
	title string
	face  string
	width float64
	align string
	text  func(row []string) string
}{
	{"Accepted", sans, 26, "L", func(row []string) string { return short(row[columnCreatedAt]) }},
	{"Request", mono, 42, "L", func(row []string) string { return row[columnID] }},
	{"Action", sans, 35, "L", func(row []string) string { return row[columnAction] }},
	{"Status", sans, 20, "L", func(row []string) string { return row[columnStatus] }},
	{"Attempt", sans, 12, "R", func(row []string) string { return row[columnAttempt] }},
	{"Duration", sans, 16, "R", func(row []string) string { return spokenMS(row[columnDuration]) }},
	{"Code", sans, 35, "L", func(row []string) string { return row[columnCode] }},
}

// statusColours are those of the statuses that should catch the eye.
var statusColours = map[string]colour{
	"COMPLETED": {21, 128, 61}, "FAILED": {185, 28, 28}, "CANCELLED": {146, 64, 14}, "RETRYING": {146, 64, 14},
}

// row draws one request, beneath the table's header where a page begins.
func (d *document) row(row []string) {
	const height, head = 5.0, 6.5
	if d.listed == 0 {
		d.section("Requests", head+3*height)
		d.columns(head)
	} else if d.pdf.GetY()+height > bottom {
		d.pdf.AddPage()
		d.columns(head)
	}
	d.listed++
	if d.listed%2 == 0 {
		d.fill(stripe)
		d.pdf.Rect(margin, d.pdf.GetY(), width, height, "F")
	}
	for _, c := range listed {
		text := c.text(row)
		paint, marked := statusColours[text]
		if !marked {
			paint = ink
		}
		d.style(c.face, "", 7, paint)
		d.cell(c.width, height, text, c.align)
	}
	d.pdf.Ln(height)
}

func (d *document) columns(height float64) {
	d.fill(tint)
	d.pdf.Rect(margin, d.pdf.GetY(), width, height, "F")
	d.style(sans, "B", 7.5, ink)
	for _, c := range listed {
		d.cell(c.width, height, c.title, c.align)
	}
	d.pdf.Ln(height)
}
