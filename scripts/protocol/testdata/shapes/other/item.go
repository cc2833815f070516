// Package other has a type whose name is taken.
package other

// Item is another one.
type Item struct {
	ID int `json:"id"`
}
