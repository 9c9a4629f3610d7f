package main

import (
	"fmt"
	"testing"
	"time"
)

const (
	older = "20261123T033710.000000Z-00000001"
	newer = "20261123T040000.000000Z-00000002"
)

var start = time.Date(2026, 11, 23, 3, 50, 0, 0, time.UTC) // between the two runs

func record(run string, seq, epoch int64, status, reason string) Book {
	book := Book{Exchange: "binance", Symbol: "BTC-USDT", Status: status, Epoch: epoch, Run: run, PublishSeq: seq}
	if reason != "" {
		book.Reason = &reason
	}
	return book
}

type step struct {
	book       Book
	after      time.Duration // since the beginning
	isFollowed bool
	isBroken   bool
}

func play(t *testing.T, steps []step) {
	t.Helper()
	proof := NewProof()
	for i, each := range steps {
		at := start.Add(each.after)
		isFollowed, err := proof.Take(each.book, 0, at, at)
		if isFollowed != each.isFollowed || (err != nil) != each.isBroken {
			t.Fatalf("step %d: followed %v, %v", i, isFollowed, err)
		}
	}
}

func TestHolesDoublesAndFallingEpochsBreakTheOrder(t *testing.T) {
	for name, wrong := range map[string]Book{
		"hole":                     record(older, 9, 1, "live", ""),
		"double":                   record(older, 7, 1, "live", ""),
		"falling epoch":            record(older, 8, 0, "live", ""),
		"a new run not from its 0": record(newer, 1, 1, "live", ""),
	} {
		t.Run(name, func(t *testing.T) {
			play(t, []step{
				{book: record(older, 7, 1, "live", ""), isFollowed: true},
				{book: wrong, after: time.Second, isBroken: true},
			})
		})
	}
}

func TestANewerRunIsFollowedUntilItSaysShutdown(t *testing.T) {
	play(t, []step{
		{book: record(older, 7, 1, "live", ""), isFollowed: true},
		{book: record(newer, 0, 0, "syncing", ""), isFollowed: true},
		{book: record(older, 8, 1, "live", "")},
		{book: record(newer, 1, 0, "disconnected", "shutdown"), isFollowed: true},
		{book: record(older, 9, 1, "live", ""), isFollowed: true},
	})
}

func TestANewerRunIsFollowedUntilItIsSilentForThreeHeartbeats(t *testing.T) {
	play(t, []step{
		{book: record(older, 7, 1, "live", ""), isFollowed: true},
		{book: record(newer, 0, 1, "live", ""), after: 5 * time.Second, isFollowed: true},
		{book: record(older, 8, 1, "live", ""), after: 19 * time.Second},
		{book: record(older, 9, 1, "live", ""), after: 20 * time.Second, isFollowed: true},
		{book: record(newer, 1, 1, "live", ""), after: 21 * time.Second, isFollowed: true},
	})
}

func TestWhatIsSilentIsToldOnce(t *testing.T) {
	proof := NewProof()
	if _, err := proof.Take(record(older, 7, 1, "live", ""), 0, start, start); err != nil {
		t.Fatal(err)
	}
	for after, expected := range []int{0: 0, 14: 0, 15: 1, 16: 0} {
		if silent := proof.Silent(start.Add(time.Duration(after) * time.Second)); len(silent) != expected {
			t.Fatalf("after %d s: %v", after, silent)
		}
	}
}

func TestRunsAreForgottenBeyondABound(t *testing.T) {
	proof := NewProof()
	for i := range 3 * runsKept {
		if _, err := proof.Take(record(fmt.Sprintf("run %04d", i), 5, 1, "live", ""), 0, start, start); err != nil {
			t.Fatal(err)
		}
	}
	if kept := len(proof.instruments["binance:BTC-USDT"].runs); kept != runsKept {
		t.Fatal(kept)
	}
}

func TestTheMidIsExact(t *testing.T) {
	book := record(older, 0, 1, "live", "")
	book.Bids, book.Asks = [][]string{{"0.1", "1"}}, [][]string{{"0.25000000000000000001", "1"}}
	if mid, _ := book.Mid(); mid != "0.175000000000000000005" {
		t.Fatal(mid)
	}
	book.Asks = nil
	if _, ok := book.Mid(); ok || book.String() != "binance:BTC-USDT bid 0.1 ask - mid -" {
		t.Fatal(book)
	}
}

func TestWhatIsNoBookIsRefused(t *testing.T) {
	for _, value := range []string{
		``, `null`, `{}`, `{"exchange":"binance","symbol":"ETH-USDT","run":"r"}`,
		`{"exchange":"binance","symbol":"BTC-USDT","run":"r","publish_seq":18446744073709551616}`,
		`{"exchange":"binance","symbol":"BTC-USDT","run":"r","bids":[["1e999999999","1"]]}`,
		`{"exchange":"binance","symbol":"BTC-USDT","run":"r","bids":[["1"]]}`,
	} {
		if _, err := decodeBook([]byte("binance:BTC-USDT"), []byte(value)); err == nil {
			t.Error(value)
		}
	}
}
