"""Learning from solutions that someone wrote: demonstrations, own verified samples, or a teacher's."""
