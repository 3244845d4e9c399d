package main

import (
	"fmt"
	"net"
	"net/http"
	"net/http/pprof"
	"strings"
	"time"

	"go.uber.org/zap"
)

// servePprof serves Go profiles at address until the process ends. An address without a host is this machine's own.
func servePprof(address string, log *zap.Logger) error {
	if strings.HasPrefix(address, ":") {
		address = "127.0.0.1" + address
	}
	l, err := net.Listen("tcp", address)
	if err != nil {
		return fmt.Errorf("profiles: %w", err)
	}
	mux := http.NewServeMux()
	mux.HandleFunc("/debug/pprof/", pprof.Index)
	mux.HandleFunc("/debug/pprof/cmdline", pprof.Cmdline)
	mux.HandleFunc("/debug/pprof/profile", pprof.Profile)
	mux.HandleFunc("/debug/pprof/symbol", pprof.Symbol)
	mux.HandleFunc("/debug/pprof/trace", pprof.Trace)
	log.Info("profiles at http://"+l.Addr().String()+"/debug/pprof/", zap.String("event", "profiles"), zap.Stringer("address", l.Addr()))
	server := http.Server{Handler: mux, ReadHeaderTimeout: 5 * time.Second}
	go func() { log.Error("profiles end", zap.String("event", "profiles_ended"), zap.Error(server.Serve(l))) }()
	return nil
}
