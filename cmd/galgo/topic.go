package main

import (
	"cmp"
	"context"
	"fmt"
	"os"
	"strconv"
	"time"

	"github.com/spf13/cobra"

	"github.com/galgo-mq/galgo/client"
	"github.com/galgo-mq/galgo/wire"
)

// topicCommand is what an operator can do to topics that the protocol cannot.
func topicCommand() *cobra.Command {
	c := &cobra.Command{Use: "topic", Short: "Change topics in ways that the protocol cannot"}
	c.AddCommand(durabilityCommand())
	return onlyCommands(c)
}

// levels by the names that topics have them under.
var levels = map[string]wire.Durability{"": 0, "replicated": wire.DurabilityReplicated, "persisted": wire.DurabilityPersisted,
	"written": wire.DurabilityWritten, "memory": wire.DurabilityMemory}

const adminTimeout = time.Minute

func durabilityCommand() *cobra.Command {
	var address, username, password, messages, offsets string
	c := &cobra.Command{
		Use:   "durability STREAM TOPIC",
		Short: "Change when messages of a topic are acknowledged",
		Long: "Change when messages of a topic, and stored consumer offsets, are acknowledged: persisted, written, memory or replicated.\n" +
			"The topic goes on serving. A level is raised when all that was acknowledged before is as safe.",
		Args: exactly("STREAM", "TOPIC"),
	}
	f := c.Flags()
	f.StringVar(&address, "address", "127.0.0.1:8090", "`host:port` of the broker")
	f.StringVar(&username, "username", "iggy", "user that may update the topic")
	f.StringVar(&password, "password", "", "password of the user (GALGO_PASSWORD, or iggy)")
	f.StringVar(&messages, "messages", "", "`level` of messages (empty: as it is)")
	f.StringVar(&offsets, "offsets", "", "`level` of stored consumer offsets (empty: as it is)")
	c.RunE = failing(func(c *cobra.Command, args []string) error {
		m, known := levels[messages]
		o, too := levels[offsets]
		if !known || !too || m == 0 && o == 0 {
			return exit{exitUsage, fmt.Errorf("--messages %q, --offsets %q: give one of persisted, written, memory, replicated to at least one", messages, offsets)}
		}
		ctx, cancel := context.WithTimeout(c.Context(), adminTimeout)
		defer cancel()
		k, err := client.Dial(ctx, address)
		if err != nil {
			return inWords(err)
		}
		defer k.Close()
		if _, err := k.Login(ctx, username, cmp.Or(password, os.Getenv("GALGO_PASSWORD"), "iggy")); err != nil {
			return fmt.Errorf("log in as %s: %w", username, inWords(err))
		}
		if err := k.SetDurability(ctx, wire.SetDurability{Stream: named(args[0]), Topic: named(args[1]), Messages: m, Offsets: o}); err != nil {
			return fmt.Errorf("change the durability of %s in %s: %w", args[1], args[0], inWords(err))
		}
		_, err = fmt.Fprintf(c.OutOrStdout(), "topic %s of stream %s: messages %s, offsets %s\n", args[1], args[0], cmp.Or(messages, "as before"), cmp.Or(offsets, "as before"))
		return err
	})
	return c
}

// named takes a number or a name.
func named(s string) wire.Identifier {
	if n, err := strconv.ParseUint(s, 10, 32); err == nil {
		return wire.Numbered(uint32(n))
	}
	return wire.Named(s)
}
