package report

// block is a part of the overview, which stays together on a page.
type block struct {
	height float64 // panelGap beneath it included
	draw   func(s sheet, y float64)
}

// page is what stands on a page: blocks, then rows of the table.
type page struct {
	blocks []placed
	listY  float64
	rows   int
}

type placed struct {
	block
	y float64
}

// paginate sets blocks beneath each other and rows after them. The table stands
// beneath the last block if it fits there whole or half a page of it does; else it
// begins a page.
func paginate(blocks []block, rows int) []page {
	pages, y := []page{{}}, margin
	for _, b := range blocks {
		if y+b.height-panelGap > bottom {
			pages, y = append(pages, page{}), top
		}
		last := &pages[len(pages)-1]
		last.blocks = append(last.blocks, placed{b, y})
		y += b.height
	}
	begins := true
	if n := min(rows, fitting(y, true)); n == rows || n > fitting(top, true)/2 {
		last := &pages[len(pages)-1]
		last.listY, last.rows, rows, begins = y, n, rows-n, false
	}
	for ; rows > 0; begins = false {
		n := min(rows, fitting(top, begins))
		pages = append(pages, page{listY: top, rows: n})
		rows -= n
	}
	return pages
}

// fitting is how many rows fit on a page from y on.
func fitting(y float64, begins bool) int {
	if begins {
		y += listTitle
	}
	return max(int((bottom-y-listHead)/listRow), 0)
}
