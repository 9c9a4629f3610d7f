package main

import (
	"encoding/json"
	"fmt"
	"math/big"
	"regexp"
	"strings"
)

// Book is what this program needs of a NormalizedBook; fields it does not know are ignored, as the record's rules ask.
type Book struct {
	Exchange   string     `json:"exchange"`
	Symbol     string     `json:"symbol"`
	Status     string     `json:"status"`
	Reason     *string    `json:"reason"`
	Bids       [][]string `json:"bids"` // [price, size], best first, in the venue's own decimal text
	Asks       [][]string `json:"asks"`
	Epoch      int64      `json:"epoch"`
	Run        string     `json:"run"`
	PublishSeq int64      `json:"publish_seq"`
}

var decimal = regexp.MustCompile(`^[0-9]+(\.[0-9]+)?$`)

// decodeBook reads one record and holds its Kafka key against its body.
func decodeBook(key, value []byte) (Book, error) {
	var book Book
	if err := json.Unmarshal(value, &book); err != nil {
		return book, fmt.Errorf("not a NormalizedBook: %w", err)
	}
	if book.Run == "" || book.PublishSeq < 0 || string(key) != book.Key() {
		return book, fmt.Errorf("not a NormalizedBook: key %q, run %q, publish_seq %d", key, book.Run, book.PublishSeq)
	}
	for _, level := range append(book.Bids, book.Asks...) {
		if len(level) != 2 || !decimal.MatchString(level[0]) || !decimal.MatchString(level[1]) {
			return book, fmt.Errorf("not a NormalizedBook: level %q of %q", level, key)
		}
	}
	return book, nil
}

// Key is the record's Kafka key, such as binance:BTC-USDT.
func (b Book) Key() string { return b.Exchange + ":" + b.Symbol }

// IsLive tells whether the levels can be relied on.
func (b Book) IsLive() bool { return b.Status == "live" }

// Mid is (bid + ask) / 2 exactly, as decimal text: half of a decimal has one digit more at most, so big.Rat's
// FloatString does not round. False unless the book is live and has both sides.
func (b Book) Mid() (string, bool) {
	if !b.IsLive() || len(b.Bids) == 0 || len(b.Asks) == 0 {
		return "", false
	}
	bid, _ := new(big.Rat).SetString(b.Bids[0][0]) // decimal text, as decodeBook has checked
	ask, _ := new(big.Rat).SetString(b.Asks[0][0])
	mid := bid.Add(bid, ask)
	mid.Quo(mid, big.NewRat(2, 1))
	return mid.FloatString(max(decimals(b.Bids[0][0]), decimals(b.Asks[0][0])) + 1), true
}

// String shows the top of the book on one line, or why there is none.
func (b Book) String() string {
	if !b.IsLive() {
		if b.Reason == nil {
			return fmt.Sprintf("%s %s", b.Key(), b.Status)
		}
		return fmt.Sprintf("%s %s (%s)", b.Key(), b.Status, *b.Reason)
	}
	mid, ok := b.Mid()
	if !ok {
		mid = "-"
	}
	return fmt.Sprintf("%s bid %s ask %s mid %s", b.Key(), best(b.Bids), best(b.Asks), mid)
}

func best(side [][]string) string {
	if len(side) == 0 {
		return "-"
	}
	return side[0][0]
}

func decimals(text string) int {
	_, fraction, _ := strings.Cut(text, ".")
	return len(fraction)
}
