package main

import (
	"fmt"
	"os"
	"time"

	"go.uber.org/zap"
	"go.uber.org/zap/zapcore"

	"github.com/galgo-mq/galgo/cmd/galgo/config"
	"github.com/galgo-mq/galgo/diagnose"
)

// serverLog is where the server's log goes, and what can be changed about it while it runs.
type serverLog struct {
	*zap.Logger
	level zap.AtomicLevel
	lines *diagnose.Log // the last ones, for operators
}

// newLog logs to standard error, which whoever started the server reads, or not: a line waits in a bounded queue, never who
// logs it.
func newLog(c *config.Config) serverLog {
	level := zap.NewAtomicLevelAt(logLevel(c.LogLevel))
	e := zap.NewProductionEncoderConfig()
	e.TimeKey, e.EncodeTime = "time", zapcore.ISO8601TimeEncoder
	encoder := zapcore.NewJSONEncoder(e)
	if c.LogFormat == "console" {
		e.EncodeLevel, e.ConsoleSeparator = zapcore.CapitalLevelEncoder, "  "
		encoder = zapcore.NewConsoleEncoder(e)
	}
	lines := diagnose.NewLog(diagnose.LogBytes)
	queue := newLogQueue(os.Stderr, logQueueBytes, func(n uint64) []byte { return linesLost(encoder.Clone(), n) })
	core := zapcore.NewCore(encoder, zapcore.NewMultiWriteSyncer(queue, lines), level)
	return serverLog{zap.New(core), level, lines}
}

func logLevel(name string) zapcore.Level {
	level, err := zapcore.ParseLevel(name)
	if err != nil {
		panic("BUG: log level " + name + " was not checked")
	}
	return level
}

// linesLost is the line that stands for n others, whatever the level is.
func linesLost(e zapcore.Encoder, n uint64) []byte {
	b, err := e.EncodeEntry(zapcore.Entry{Level: zapcore.WarnLevel, Time: time.Now(), Message: "log lines were dropped: nobody read them in time"},
		[]zapcore.Field{zap.String("event", "log_lines_dropped"), zap.Uint64("lines", n)})
	if err != nil {
		return nil
	}
	return b.Bytes()
}

// printLast prints the last line of the process to standard error, which may take nothing any more.
func printLast(args ...any) {
	done := make(chan struct{})
	go func() {
		fmt.Fprintln(os.Stderr, args...)
		close(done)
	}()
	select {
	case <-done:
	case <-time.After(logFlushMax):
	}
}
