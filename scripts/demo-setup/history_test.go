package main

import (
	"slices"
	"testing"
	"time"

	"github.com/pay-theory/streamer/internal/lifecycle"
)

var today = time.Date(2026, 11, 23, 15, 0, 0, 0, time.UTC)

func history(seed uint64, now time.Time) []lifecycle.Row {
	return History(seed, now.AddDate(0, -months, 0), now)
}

func TestHistoryIsBelievable(t *testing.T) {
	rows := history(1, today)
	perTenant, weekend, failed := map[string]int{}, 0, 0
	seen := map[string]bool{}
	for _, row := range rows {
		key := row.Key()
		perTenant[key.Tenant]++
		if seen[row.PK] || !lifecycle.ValidID(key.ID) {
			t.Fatalf("id %s is not valid, or made twice", key.ID)
		}
		seen[row.PK] = true
		if !row.Status.Terminal() || row.EndedAt < row.StartedAt || row.StartedAt < row.CreatedAt || row.EndedAt > today.UnixMilli() {
			t.Fatalf("request %s is not one that has ended: %+v", key.ID, row)
		}
		if row.OpenShard != "" {
			t.Fatalf("request %s stands among the open ones", key.ID)
		}
		created := time.UnixMilli(row.CreatedAt).UTC()
		if row.TenantDay != lifecycle.TenantDay(key.Tenant, created) {
			t.Fatalf("request %s stands on another day than its own", key.ID)
		}
		if d := created.Weekday(); d == time.Saturday || d == time.Sunday {
			weekend++
		}
		if row.Code != "" {
			failed++
		}
	}
	t.Logf("%d requests: %v, %d on weekends, %d with a failed attempt", len(rows), perTenant, weekend, failed)
	if len(perTenant) != 3 || len(rows) < 3000 || weekend*10 > len(rows) || failed == 0 {
		t.Error("not thousands of requests of three tenants with quiet weekends and some failures")
	}
}

func TestHistoryIsTheSameAgain(t *testing.T) {
	same := func(a, b lifecycle.Row) bool { return a.PK == b.PK && a.EndedAt == b.EndedAt && a.Status == b.Status }
	first := history(1, today)
	if !slices.EqualFunc(first, history(1, today), same) {
		t.Error("the same seed gave other requests")
	}
	if slices.EqualFunc(first, history(2, today), same) {
		t.Error("another seed gave the same requests")
	}
	later := map[string]bool{}
	for _, row := range history(1, today.AddDate(0, 0, 1)) {
		later[row.PK] = true
	}
	start := midnight(today.AddDate(0, 0, 1).AddDate(0, -months, 0)).UnixMilli()
	for _, row := range first {
		if row.CreatedAt >= start && !later[row.PK] {
			t.Fatalf("request %s is gone a day later", row.PK)
		}
	}
}
