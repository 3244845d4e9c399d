package vsr

import "github.com/galgo-mq/galgo/wire"

// GET_STATS (10), a read. The request is empty; the reply:
//
//	 0    4  process id
//	 4    8  f32 CPU percent of the process, f32 of the machine
//	12   24  u64 memory of the process, of the machine, available
//	36   16  u64 run time, start time since 1970, microseconds
//	52   24  u64 bytes read, bytes written, bytes of messages
//	76   16  u32 streams, topics, partitions, segments
//	92    8  u64 messages
//	100   8  u32 clients, consumer groups
//	108   -  str32 host name, OS name, OS version, kernel version, server version
//	         u32 server version as a number, 0 for none
//	         u32 count, then per partition: u32 stream, topic, partition, u64 hits, misses, f32 hit ratio
//	         u32 threads, u64 free disk space, u64 total disk space

// AppendGetStatsReply appends the body of the reply.
func AppendGetStatsReply(dst []byte, s *wire.Stats) []byte {
	dst = append32(dst, s.ProcessID)
	dst = appendF32(appendF32(dst, s.CPUPercent), s.TotalCPUPercent)
	for _, v := range [...]uint64{s.MemoryBytes, s.TotalMemoryBytes, s.AvailableMemoryBytes, s.RunTimeMicros,
		s.StartTimeMicros, s.ReadBytes, s.WrittenBytes, s.MessagesSizeBytes} {
		dst = append64(dst, v)
	}
	for _, v := range [...]uint32{s.Streams, s.Topics, s.Partitions, s.Segments} {
		dst = append32(dst, v)
	}
	dst = append64(dst, s.Messages)
	dst = append32(append32(dst, s.Clients), s.ConsumerGroups)
	for _, v := range [...]string{s.Hostname, s.OSName, s.OSVersion, s.KernelVersion, s.ServerVersion} {
		dst = appendBytes32(dst, v)
	}
	dst = append32(dst, s.ServerSemver)
	dst = append32(dst, uint32(len(s.Caches)))
	for _, c := range s.Caches {
		dst = append32(append32(append32(dst, c.StreamID), c.TopicID), c.PartitionID)
		dst = appendF32(append64(append64(dst, c.Hits), c.Misses), c.HitRatio)
	}
	dst = append32(dst, s.Threads)
	return append64(append64(dst, s.FreeDiskBytes), s.TotalDiskBytes)
}

// DecodeGetStatsReply decodes the body of the reply.
func DecodeGetStatsReply(body []byte) (s wire.Stats, err error) {
	r := reader{p: body}
	s.ProcessID = r.u32()
	s.CPUPercent, s.TotalCPUPercent = r.f32(), r.f32()
	for _, v := range [...]*uint64{&s.MemoryBytes, &s.TotalMemoryBytes, &s.AvailableMemoryBytes, &s.RunTimeMicros,
		&s.StartTimeMicros, &s.ReadBytes, &s.WrittenBytes, &s.MessagesSizeBytes} {
		*v = r.u64()
	}
	for _, v := range [...]*uint32{&s.Streams, &s.Topics, &s.Partitions, &s.Segments} {
		*v = r.u32()
	}
	s.Messages = r.u64()
	s.Clients, s.ConsumerGroups = r.u32(), r.u32()
	for _, v := range [...]*string{&s.Hostname, &s.OSName, &s.OSVersion, &s.KernelVersion, &s.ServerVersion} {
		*v = r.str32()
	}
	s.ServerSemver = r.u32()
	for count := r.u32(); count > 0 && r.err() == nil; count-- {
		s.Caches = append(s.Caches, wire.CacheMetrics{
			StreamID: r.u32(), TopicID: r.u32(), PartitionID: r.u32(),
			Hits: r.u64(), Misses: r.u64(), HitRatio: r.f32(),
		})
	}
	s.Threads = r.u32()
	s.FreeDiskBytes, s.TotalDiskBytes = r.u64(), r.u64()
	return s, r.err()
}
