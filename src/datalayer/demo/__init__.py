"""The demo: a salon's move from Supabase to PostgreSQL, played on throwaway servers."""
