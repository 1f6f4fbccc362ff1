CREATE DATABASE sync_state;
