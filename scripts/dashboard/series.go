package main

import (
	"context"
	"fmt"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/cloudwatch"
	"github.com/aws/aws-sdk-go-v2/service/cloudwatch/types"
)

// series is one line's points, in order of time.
type series struct {
	label  string
	color  string
	right  bool
	times  []int64 // Unix seconds
	values []float64
}

// charts reads the points of graphs from CloudWatch.
type charts struct {
	client *cloudwatch.Client
	// local is set on the local stage, whose CloudWatch knows no expressions: those that our
	// dashboards have are worked out here.
	local bool
}

// read returns a widget's lines between two moments, in steps of at least period.
func (c charts) read(ctx context.Context, w widget, from, to time.Time, period int) ([]series, error) {
	if c.local {
		return c.work(ctx, w, from, to, period)
	}
	var queries []types.MetricDataQuery
	for i, l := range w.lines {
		q := types.MetricDataQuery{Id: aws.String(idOf(i, l)), ReturnData: aws.Bool(!l.hidden)}
		if l.label != "" {
			q.Label = &l.label
		}
		if l.expression != "" {
			q.Expression, q.Period = &l.expression, aws.Int32(int32(max(l.period, period)))
		} else {
			q.MetricStat = l.statistic(max(l.period, period))
		}
		queries = append(queries, q)
	}
	results, err := c.ask(ctx, queries, from, to)
	if err != nil {
		return nil, err
	}
	var all []series
	for i, l := range w.lines {
		for _, r := range results {
			if aws.ToString(r.Id) == idOf(i, l) {
				all = append(all, seriesOf(r, l, aws.ToString(r.Label)))
			}
		}
	}
	return all, nil
}

func idOf(i int, l line) string {
	if l.id != "" {
		return l.id
	}
	return fmt.Sprintf("line%d", i)
}

func (l line) statistic(period int) *types.MetricStat {
	var dimensions []types.Dimension
	for name, value := range l.dimensions {
		dimensions = append(dimensions, types.Dimension{Name: &name, Value: &value})
	}
	return &types.MetricStat{
		Metric: &types.Metric{Namespace: &l.namespace, MetricName: &l.name, Dimensions: dimensions},
		Period: aws.Int32(int32(period)), Stat: &l.stat,
	}
}

func (c charts) ask(ctx context.Context, queries []types.MetricDataQuery, from, to time.Time) ([]types.MetricDataResult, error) {
	if len(queries) == 0 {
		return nil, nil
	}
	pages := cloudwatch.NewGetMetricDataPaginator(c.client, &cloudwatch.GetMetricDataInput{
		StartTime: &from, EndTime: &to, MetricDataQueries: queries, ScanBy: types.ScanByTimestampAscending,
	})
	var results []types.MetricDataResult
	for pages.HasMorePages() {
		page, err := pages.NextPage(ctx)
		if err != nil {
			return nil, fmt.Errorf("get metric data: %w", err)
		}
		results = append(results, page.MetricDataResults...)
	}
	return results, nil
}

func seriesOf(r types.MetricDataResult, l line, label string) series {
	s := series{label: label, color: l.color, right: l.right}
	for i, at := range r.Timestamps {
		s.times = append(s.times, at.Unix())
		s.values = append(s.values, r.Values[i])
	}
	return s
}

// The expressions of our dashboards: a line for each value of a dimension, and the sum of
// metrics, each by a factor.
var (
	search = regexp.MustCompile(`^SEARCH\('\{([\w,/]+)\} MetricName="(\w+)" (\w+)="([^"]*)"', '(\w+)'\)$`)
	factor = regexp.MustCompile(`^FILL\((\w+), 0\) \* ([0-9.]+)$`)
)

// work is read without expressions.
func (c charts) work(ctx context.Context, w widget, from, to time.Time, period int) ([]series, error) {
	var drawn, expressions []line
	for _, l := range w.lines {
		if l.expression == "" {
			drawn = append(drawn, l)
		} else {
			expressions = append(expressions, l)
		}
	}
	found, err := c.points(ctx, drawn, from, to, period)
	if err != nil {
		return nil, err
	}
	var all []series
	known := map[string]series{}
	for i, l := range drawn {
		if known[l.id] = found[i]; !l.hidden {
			all = append(all, found[i])
		}
	}
	for _, l := range expressions {
		if found := search.FindStringSubmatch(l.expression); found != nil {
			each, err := c.search(ctx, l, found, from, to, period)
			if err != nil {
				return nil, err
			}
			all = append(all, each...)
			continue
		}
		if s, ok := sum(l, known); ok {
			all = append(all, s)
		}
	}
	return all, nil
}

// points asks for lines that are no expressions, all at once.
func (c charts) points(ctx context.Context, lines []line, from, to time.Time, period int) ([]series, error) {
	queries := make([]types.MetricDataQuery, len(lines))
	for i, l := range lines {
		queries[i] = types.MetricDataQuery{Id: aws.String(idOf(i, line{})), MetricStat: l.statistic(max(l.period, period))}
	}
	results, err := c.ask(ctx, queries, from, to)
	if err != nil {
		return nil, err
	}
	all := make([]series, len(lines))
	for i, l := range lines {
		all[i] = series{label: l.label, color: l.color, right: l.right}
		for _, r := range results {
			if aws.ToString(r.Id) == idOf(i, line{}) {
				all[i] = seriesOf(r, l, l.label)
			}
		}
	}
	return all, nil
}

// search is a line for each value that a dimension has.
func (c charts) search(ctx context.Context, l line, found []string, from, to time.Time, period int) ([]series, error) {
	schema, name, dimension, value, stat := strings.Split(found[1], ","), found[2], found[3], found[4], found[5]
	var each []line
	pages := cloudwatch.NewListMetricsPaginator(c.client, &cloudwatch.ListMetricsInput{Namespace: &schema[0], MetricName: &name})
	for pages.HasMorePages() {
		page, err := pages.NextPage(ctx)
		if err != nil {
			return nil, fmt.Errorf("list metrics: %w", err)
		}
		for _, m := range page.Metrics {
			dimensions, other := map[string]string{}, ""
			for _, d := range m.Dimensions {
				dimensions[aws.ToString(d.Name)] = aws.ToString(d.Value)
				if aws.ToString(d.Name) != dimension {
					other = aws.ToString(d.Value)
				}
			}
			if len(dimensions) != len(schema)-1 || dimensions[dimension] != value ||
				slices.ContainsFunc(schema[1:], func(d string) bool { _, has := dimensions[d]; return !has }) {
				continue
			}
			each = append(each, line{metric: metric{namespace: schema[0], name: name, dimensions: dimensions, stat: stat, label: other}, right: l.right, period: l.period})
		}
	}
	all, err := c.points(ctx, each, from, to, period)
	if err != nil {
		return nil, err
	}
	all = slices.DeleteFunc(all, func(s series) bool { return len(s.values) == 0 })
	slices.SortFunc(all, func(a, b series) int { return strings.Compare(a.label, b.label) })
	return all, nil
}

// sum adds up known lines, each by its factor. It is nothing if one of them is.
func sum(l line, known map[string]series) (series, bool) {
	total := map[int64]float64{}
	for term := range strings.SplitSeq(l.expression, " + ") {
		found := factor.FindStringSubmatch(term)
		if found == nil {
			return series{}, false
		}
		by, err := strconv.ParseFloat(found[2], 64)
		if err != nil {
			return series{}, false
		}
		for i, at := range known[found[1]].times {
			total[at] += by * known[found[1]].values[i]
		}
	}
	s := series{label: l.label, color: l.color, right: l.right}
	for at := range total {
		s.times = append(s.times, at)
	}
	slices.Sort(s.times)
	for _, at := range s.times {
		s.values = append(s.values, total[at])
	}
	return s, true
}
