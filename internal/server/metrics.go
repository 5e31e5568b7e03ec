package server

import (
	"net/http"
	"time"

	"github.com/prometheus/client_golang/prometheus"
	"github.com/prometheus/client_golang/prometheus/collectors"
	"github.com/prometheus/client_golang/prometheus/promhttp"

	"gatehouse/internal/store"
)

// metrics are the server's, in a registry of its own. Labels are bounded:
// services and operations come from the models, never from a request.
type metrics struct {
	registry *prometheus.Registry
	requests *prometheus.CounterVec
	seconds  *prometheus.HistogramVec
	inflight prometheus.Gauge
}

func newMetrics(db *store.DB) *metrics {
	m := &metrics{
		registry: prometheus.NewRegistry(),
		requests: prometheus.NewCounterVec(prometheus.CounterOpts{Name: "gatehouse_requests_total",
			Help: "Requests by service, operation and class of status."}, []string{"service", "operation", "status"}),
		seconds: prometheus.NewHistogramVec(prometheus.HistogramOpts{Name: "gatehouse_request_seconds",
			Help: "Time from the header of a request to the end of its answer, by service.", Buckets: []float64{.001, .0025, .005, .01, .025, .05, .1, .25, .5, 1, 2.5, 10}}, []string{"service"}),
		inflight: prometheus.NewGauge(prometheus.GaugeOpts{Name: "gatehouse_requests_in_flight", Help: "Requests that are being served."}),
	}
	m.registry.MustRegister(m.requests, m.seconds, m.inflight, collectors.NewGoCollector(), collectors.NewProcessCollector(collectors.ProcessCollectorOpts{}))
	m.registry.MustRegister(
		prometheus.NewCounterFunc(prometheus.CounterOpts{Name: "gatehouse_store_behind_dropped_total",
			Help: "Rows that were to ride in a later commit and were dropped because too many waited."},
			func() float64 { return float64(db.Stats().BehindDropped) }),
	)
	return m
}

var statusClasses = [...]string{"0xx", "1xx", "2xx", "3xx", "4xx", "5xx"}

func (m *metrics) count(service, operation string, status int, took time.Duration) {
	if service == "" {
		service = "other"
	}
	m.requests.WithLabelValues(service, operation, statusClasses[min(max(status/100, 0), 5)]).Inc()
	m.seconds.WithLabelValues(service).Observe(took.Seconds())
}

func (m *metrics) handler() http.Handler {
	return promhttp.HandlerFor(m.registry, promhttp.HandlerOpts{})
}
