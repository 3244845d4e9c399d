package main

import (
	"fmt"
	"net"
	"net/http"
	"net/http/pprof"
	"strings"
	"time"

	"go.uber.org/zap"

	"github.com/galgo-mq/galgo/cmd/galgo/config"
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
	if !config.Loopback(l.Addr().String()) {
		log.Warn("profiles can be read by whoever reaches "+l.Addr().String()+": they tell much of the process, and there is no login; give a loopback address",
			zap.String("event", "profiles_reachable"), zap.Stringer("address", l.Addr()))
	}
	server := http.Server{Handler: ownHost(l.Addr().(*net.TCPAddr), mux), ReadHeaderTimeout: 5 * time.Second}
	go func() { log.Error("profiles end", zap.String("event", "profiles_ended"), zap.Error(server.Serve(l))) }()
	return nil
}

// ownHost answers requests that name this server as whoever typed its address does: by an IP address of its own or localhost. A page
// of the web that a browser here has open could otherwise read through a name that it lets point here.
func ownHost(own *net.TCPAddr, next http.Handler) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		host, _, err := net.SplitHostPort(r.Host)
		if err != nil {
			host = r.Host
		}
		ip := net.ParseIP(strings.Trim(host, "[]"))
		named := strings.EqualFold(host, "localhost") || ip != nil && (ip.Equal(own.IP) || ip.IsLoopback() || own.IP.IsUnspecified())
		if !named {
			http.Error(w, "use the address of this server, and not a name", http.StatusForbidden)
			return
		}
		next.ServeHTTP(w, r)
	})
}
