package gatehousetest

import "log/slog"

// Break makes a server log an error, as it does when something of its own goes
// wrong.
func Break(s *Server) { slog.New(s.log).Error("request failed") }
